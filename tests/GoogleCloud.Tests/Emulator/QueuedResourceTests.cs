using Google.Cloud.Tpu.V2;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Workflows.TestKit;
using static Google.Cloud.Tpu.V2.QueuedResourceState.Types;

namespace Workflows.GoogleCloud.Tests.Emulator;

public sealed class QueuedResourceTests
{
    private const string Zone = "us-west4-a";
    private static readonly string Name = $"{EmulatorHost.Parent(Zone)}/queuedResources/q1";

    [Fact]
    public async Task CreateQueuedResource_WaitsThenProvisionsThenIsActive()
    {
        await using var host = await EmulatorHost.StartAsync("""{"queueSeconds": 5, "createSeconds": 3}""");
        var operation = await QueueAsync(host, Single());
        var waiting = await StateAsync(host);
        host.Pass(5);
        var provisioning = await StateAsync(host);
        host.Pass(3);
        var active = await StateAsync(host);
        var node = await host.GetAsync(Zone, "n1");

        Assert.True(operation.Done);
        Assert.Equal(State.WaitingForResources, waiting.State);
        Assert.Equal(State.Provisioning, provisioning.State);
        Assert.Equal(State.Active, active.State);
        Assert.Equal(QueuedResourceState.StateDataOneofCase.ActiveData, active.StateDataCase);
        Assert.Equal(Name, node.QueuedResource);
        Assert.True(node.SchedulingConfig.Spot);
        Assert.False(node.MultisliceNode);
    }

    [Fact]
    public async Task Occupied_OfProjects_NamesThoseWithNodesOrRequestsUntilTheyAreGone()
    {
        await using var host = await EmulatorHost.StartAsync("""{"deleteSeconds": 2}""");
        host.Emulator.Prepare("empty-proj", "{}");
        var before = host.Emulator.Occupied();
        await QueueAsync(host, Single());
        var queued = host.Emulator.Occupied();
        await host.Tpu.DeleteQueuedResourceAsync(
            new DeleteQueuedResourceRequest { Name = Name, Force = true },
            cancellationToken: EmulatorHost.Cancellation);
        var deleting = host.Emulator.Occupied();
        host.Pass(2);

        Assert.Empty(before);
        Assert.Equal([EmulatorHost.Project], queued);
        Assert.Equal([EmulatorHost.Project], deleting);
        Assert.Empty(host.Emulator.Occupied());
    }

    [Fact]
    public async Task CreateQueuedResource_WithoutCapacity_FailsAtValidUntilAndStaysListed()
    {
        await using var host = await EmulatorHost.StartAsync("""{"zones": {"us-west4-a": {"capacity": 0}}}""");
        var asked = Single();
        asked.QueueingPolicy = new() { ValidUntilDuration = Duration.FromTimeSpan(TimeSpan.FromHours(6)) };
        await QueueAsync(host, asked);
        host.Pass(6 * 3600 - 1);
        var waiting = await StateAsync(host);
        host.Pass(1);
        var failed = await StateAsync(host);
        var list = await host.Tpu.ListQueuedResourcesAsync(
            new() { Parent = EmulatorHost.Parent("-") }, cancellationToken: EmulatorHost.Cancellation);

        Assert.Equal(State.WaitingForResources, waiting.State);
        Assert.Equal(State.Failed, failed.State);
        Assert.Contains("valid_until", failed.FailedData.Error.Message, StringComparison.Ordinal);
        Assert.Equal(Name, Assert.Single(list.QueuedResources).Name);
    }

    [Fact]
    public async Task CreateQueuedResource_WithValidAfter_WaitsForIt()
    {
        await using var host = await EmulatorHost.StartAsync();
        var asked = Single();
        asked.QueueingPolicy = new() { ValidAfterDuration = Duration.FromTimeSpan(TimeSpan.FromHours(1)) };
        await QueueAsync(host, asked);
        host.Pass(3599);
        var waiting = await StateAsync(host);
        host.Pass(2);

        Assert.Equal(State.WaitingForResources, waiting.State);
        Assert.NotEqual(State.WaitingForResources, (await StateAsync(host)).State);
    }

    [Fact]
    public async Task CreateQueuedResource_OfSeveralSlices_NamesThemByPrefix()
    {
        await using var host = await EmulatorHost.StartAsync();
        var asked = Single();
        asked.Tpu.NodeSpec[0].MultisliceParams = new() { NodeCount = 2, NodeIdPrefix = "np" };
        await QueueAsync(host, asked);
        host.Pass(1);
        await StateAsync(host);
        host.Pass(1);

        Assert.Equal(State.Active, (await StateAsync(host)).State);
        Assert.True((await host.GetAsync(Zone, "np-0")).MultisliceNode);
        Assert.Equal(Name, (await host.GetAsync(Zone, "np-1")).QueuedResource);
    }

    [Fact]
    public async Task Preemption_OfItsNode_SuspendsItAndResetBringsANewOne()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-west4-a": {"preempt": {"afterSeconds": 30}}}}""");
        await ActiveAsync(host);
        host.Pass(30);
        var suspended = await StateAsync(host);
        await host.Tpu.ResetQueuedResourceAsync(new() { Name = Name }, cancellationToken: EmulatorHost.Cancellation);
        var waiting = await StateAsync(host);
        for (var second = 0; second < 3; second++)
        {
            host.Pass(1);
            await StateAsync(host);
        }

        Assert.Equal((State.Suspended, StateInitiator.Service), (suspended.State, suspended.StateInitiator));
        Assert.Equal(State.WaitingForResources, waiting.State);
        Assert.Equal(State.Active, (await StateAsync(host)).State);
        Assert.Equal(Node.Types.State.Ready, (await host.GetAsync(Zone, "n1")).State);
    }

    [Fact]
    public async Task DeleteNode_OfAQueuedResource_SuspendsItByTheUser()
    {
        await using var host = await EmulatorHost.StartAsync();
        await ActiveAsync(host);
        await host.DeleteAsync(Zone, "n1");
        var suspending = await StateAsync(host);
        host.Pass(1);
        var suspended = await StateAsync(host);

        Assert.Equal(State.Suspending, suspending.State);
        Assert.Equal((State.Suspended, StateInitiator.User), (suspended.State, suspended.StateInitiator));
    }

    [Fact]
    public async Task DeleteQueuedResource_WithNodes_NeedsForce()
    {
        await using var host = await EmulatorHost.StartAsync();
        await ActiveAsync(host);

        var refusal = await Assert.ThrowsAsync<RpcException>(() => DeleteAsync(host, force: false));
        var operation = await DeleteAsync(host, force: true);
        var deleting = await StateAsync(host);
        host.Pass(1);
        var gone = await Assert.ThrowsAsync<RpcException>(() => StateAsync(host));
        var node = await Assert.ThrowsAsync<RpcException>(() => host.GetAsync(Zone, "n1"));

        Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);
        Assert.Equal(State.Deleting, deleting.State);
        Assert.Equal(StatusCode.NotFound, gone.StatusCode);
        Assert.Equal(StatusCode.NotFound, node.StatusCode);
        Assert.True((await host.OperationAsync(operation.Name)).Done);
    }

    [Fact]
    public async Task Quota_HeldByASuspendedQueuedResource_IsFreeOnlyAfterItsDeletion()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-west4-a": {"quota": {"TPUV5sLitepodServingPerProjectPerZoneForTPUAPI": 4}}}}""");
        await ActiveAsync(host);
        await host.DeleteAsync(Zone, "n1");
        host.Pass(1);
        var suspended = await StateAsync(host);
        var held = await Assert.ThrowsAsync<RpcException>(() => host.CreateAsync(Zone, "n2"));
        await DeleteAsync(host, force: false);
        host.Pass(1);

        Assert.Equal(State.Suspended, suspended.State);
        Assert.Equal(StatusCode.ResourceExhausted, held.StatusCode);
        Assert.NotEmpty((await host.CreateAsync(Zone, "n2")).Name);
    }

    [Fact]
    public async Task RestartedEmulator_KeepsQueuedResources()
    {
        using var state = new TemporaryFolder("tpu-queue-");
        var first = await EmulatorHost.StartAsync("""{"queueSeconds": 600}""", state: state.Path, isRealTime: true);
        await QueueAsync(first, Single());
        await first.StopAsync();
        await using var second = await EmulatorHost.StartAsync(state: state.Path, isRealTime: true);

        Assert.Equal(State.WaitingForResources, (await StateAsync(second)).State);
    }

    [Fact]
    public async Task CreateQueuedResource_WithoutANodeSpec_IsRefused()
    {
        await using var host = await EmulatorHost.StartAsync();

        var refusal = await Assert.ThrowsAsync<RpcException>(() => QueueAsync(host, new QueuedResource()));

        Assert.Equal(StatusCode.InvalidArgument, refusal.StatusCode);
        Assert.Contains("tpu.node_spec", refusal.Status.Detail, StringComparison.Ordinal);
    }

    private static QueuedResource Single() => new()
    {
        Spot = new(),
        Tpu = new()
        {
            NodeSpec =
            {
                new QueuedResource.Types.Tpu.Types.NodeSpec
                {
                    Parent = EmulatorHost.Parent(Zone), NodeId = "n1", Node = EmulatorHost.SpotNode(),
                },
            },
        },
    };

    private static async Task ActiveAsync(EmulatorHost host)
    {
        await QueueAsync(host, Single());
        host.Pass(1);
        await StateAsync(host);
        host.Pass(1);
        Assert.Equal(State.Active, (await StateAsync(host)).State);
    }

    private static async Task<Google.LongRunning.Operation> QueueAsync(EmulatorHost host, QueuedResource asked) =>
        await host.Tpu.CreateQueuedResourceAsync(
            new() { Parent = EmulatorHost.Parent(Zone), QueuedResourceId = "q1", QueuedResource = asked },
            cancellationToken: EmulatorHost.Cancellation);

    private static async Task<QueuedResourceState> StateAsync(EmulatorHost host) => (
        await host.Tpu.GetQueuedResourceAsync(
        new() { Name = Name }, cancellationToken: EmulatorHost.Cancellation)).State;

    private static async Task<Google.LongRunning.Operation> DeleteAsync(EmulatorHost host, bool force) =>
        await host.Tpu.DeleteQueuedResourceAsync(
            new() { Name = Name, Force = force }, cancellationToken: EmulatorHost.Cancellation);
}
