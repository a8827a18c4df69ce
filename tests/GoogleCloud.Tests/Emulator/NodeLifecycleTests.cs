using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using static Google.Cloud.Tpu.V2.Node.Types;

namespace Workflows.GoogleCloud.Tests.Emulator;

public sealed class NodeLifecycleTests
{
    private const string Zone = "us-west4-a";

    [Fact]
    public async Task CreateNode_ThenItsTimePasses_IsReadyWithOneEndpointAHost()
    {
        await using var host = await EmulatorHost.StartAsync("""{"createSeconds": 3}""");
        var operation = await host.CreateAsync(Zone, "n1", EmulatorHost.SpotNode("v5litepod-16"));
        host.Pass(2.9);
        var before = await host.GetAsync(Zone, "n1");
        host.Pass(0.1);
        var after = await host.GetAsync(Zone, "n1");
        var done = await host.OperationAsync(operation.Name);

        Assert.False(operation.Done);
        Assert.Matches(
            "^projects/demo-proj/locations/us-west4-a/operations/operation-"
            + "[0-9]+-[0-9a-f]{13}-[0-9a-f]{8}-[0-9a-f]{8}$",
            operation.Name);
        Assert.Equal(State.Creating, before.State);
        Assert.Equal(State.Ready, after.State);
        Assert.Equal("4x4", after.AcceleratorConfig.Topology);
        Assert.Equal(4, after.NetworkEndpoints.Count);
        Assert.Equal(ApiVersion.V2, after.ApiVersion);
        Assert.True(done.Done);
        Assert.Equal(after.Name, done.Response.Unpack<Node>().Name);
        Assert.Equal("create", done.Metadata.Unpack<OperationMetadata>().Verb);
        Assert.NotNull(done.Metadata.Unpack<OperationMetadata>().EndTime);
    }

    [Fact]
    public async Task CreateNode_WithLag_LeavesTheOperationOpenAfterReady()
    {
        await using var host = await EmulatorHost.StartAsync("""{"operationLagSeconds": 600}""");
        var operation = await host.CreateAsync(Zone, "n1");
        host.Pass(1);
        var node = await host.GetAsync(Zone, "n1");
        var open = await host.OperationAsync(operation.Name);
        host.Pass(600);
        var done = await host.OperationAsync(operation.Name);

        Assert.Equal(State.Ready, node.State);
        Assert.False(open.Done);
        Assert.True(done.Done);
    }

    [Fact]
    public async Task CreateNode_WithTheImageOfAnotherGeneration_IsReadyAndSaysSo()
    {
        await using var host = await EmulatorHost.StartAsync();
        var asked = EmulatorHost.SpotNode("v6e-8");
        asked.RuntimeVersion = "tpu-ubuntu2204-base";

        var node = await host.ReadyAsync(Zone, "n1", asked);

        Assert.Equal(State.Ready, node.State);
        Assert.Contains("v2-alpha-tpuv6e", node.HealthDescription, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DeleteNode_ThenItsTimePasses_IsNotFoundAndTheOperationIsDone()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-west4-a": {"deleteSeconds": 40}}}""");
        await host.ReadyAsync(Zone, "n1");
        var operation = await host.DeleteAsync(Zone, "n1");
        var again = await host.DeleteAsync(Zone, "n1");
        host.Pass(39);
        var stuck = await host.GetAsync(Zone, "n1");
        host.Pass(1);
        var gone = await Assert.ThrowsAsync<RpcException>(() => host.GetAsync(Zone, "n1"));
        var done = await host.OperationAsync(operation.Name);

        Assert.Equal(operation.Name, again.Name);
        Assert.Equal(State.Deleting, stuck.State);
        Assert.Equal(StatusCode.NotFound, gone.StatusCode);
        Assert.True(done.Done);
        Assert.True(done.Response.Is(Empty.Descriptor));
    }

    [Fact]
    public async Task DeleteNode_WhileCreating_CancelsTheCreateOperation()
    {
        await using var host = await EmulatorHost.StartAsync();
        var create = await host.CreateAsync(Zone, "n1");
        await host.DeleteAsync(Zone, "n1");
        host.Pass(10);

        var cancelled = await host.OperationAsync(create.Name);

        Assert.True(cancelled.Done);
        Assert.Equal((int)StatusCode.Cancelled, cancelled.Error.Code);
    }

    [Fact]
    public async Task CancelOperation_OfACreation_EndsItWithoutANode()
    {
        await using var host = await EmulatorHost.StartAsync();
        var create = await host.CreateAsync(Zone, "n1");

        await host.Connection.Operations.CancelOperationAsync(
            new CancelOperationRequest { Name = create.Name }, cancellationToken: EmulatorHost.Cancellation);

        var gone = await Assert.ThrowsAsync<RpcException>(() => host.GetAsync(Zone, "n1"));
        Assert.Equal(StatusCode.NotFound, gone.StatusCode);
        Assert.Equal((int)StatusCode.Cancelled, (await host.OperationAsync(create.Name)).Error.Code);
    }

    [Fact]
    public async Task DeleteOperation_OfACreation_ForgetsItAndTheNodeGoesOn()
    {
        await using var host = await EmulatorHost.StartAsync();
        var create = await host.CreateAsync(Zone, "n1");

        await host.Connection.Operations.DeleteOperationAsync(
            new DeleteOperationRequest { Name = create.Name }, cancellationToken: EmulatorHost.Cancellation);
        host.Pass(1);

        Assert.Equal(State.Ready, (await host.GetAsync(Zone, "n1")).State);
        var gone = await Assert.ThrowsAsync<RpcException>(() => host.OperationAsync(create.Name));
        Assert.Equal(StatusCode.NotFound, gone.StatusCode);
    }

    [Fact]
    public async Task UpdateNode_WithAMask_ChangesOnlyItsFields()
    {
        await using var host = await EmulatorHost.StartAsync();
        var asked = EmulatorHost.SpotNode();
        asked.Labels["team"] = "one";
        var node = await host.ReadyAsync(Zone, "n1", asked);
        node.Labels["team"] = "two";
        node.Tags.Add("seen");
        node.Description = "not in the mask";

        var operation = await host.Tpu.UpdateNodeAsync(
            new UpdateNodeRequest { Node = node, UpdateMask = new FieldMask { Paths = { "labels", "tags" } } },
            cancellationToken: EmulatorHost.Cancellation);
        var after = await host.GetAsync(Zone, "n1");

        Assert.True(operation.Done);
        Assert.Equal("two", after.Labels["team"]);
        Assert.Equal(["seen"], after.Tags);
        Assert.Equal("", after.Description);
    }

    [Theory]
    [InlineData("accelerator_type", "The field 'accelerator_type' cannot be updated.")]
    [InlineData(null, "The field 'update_mask' is required.")]
    public async Task UpdateNode_WithAWrongMask_ChangesNothing(string? path, string message)
    {
        await using var host = await EmulatorHost.StartAsync();
        var node = await host.ReadyAsync(Zone, "n1");
        node.Description = "new";
        var mask = new FieldMask();
        if (path is not null)
        {
            mask.Paths.Add(["description", path]);
        }

        var refusal = await Assert.ThrowsAsync<RpcException>(async () => await host.Tpu.UpdateNodeAsync(
            new UpdateNodeRequest { Node = node, UpdateMask = mask }, cancellationToken: EmulatorHost.Cancellation));

        Assert.Equal(message, refusal.Status.Detail);
        Assert.Equal("", (await host.GetAsync(Zone, "n1")).Description);
    }

    [Fact]
    public async Task UpdateNode_WhileCreating_IsRefusedInTheCloudsWords()
    {
        await using var host = await EmulatorHost.StartAsync();
        await host.CreateAsync(Zone, "n1");

        var refusal = await Assert.ThrowsAsync<RpcException>(async () => await host.Tpu.UpdateNodeAsync(
            new UpdateNodeRequest
            {
                Node = new Node { Name = EmulatorHost.NodeName(Zone, "n1") },
                UpdateMask = new FieldMask { Paths = { "labels" } },
            },
            cancellationToken: EmulatorHost.Cancellation));

        Assert.StartsWith(
            "Cloud TPU received a bad request. update is not supported while in state CREATING [EID: 0x",
            refusal.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StopAndStart_OfAnOnDemandNode_GoThroughStoppedToReady()
    {
        await using var host = await EmulatorHost.StartAsync();
        await host.ReadyAsync(Zone, "n1", EmulatorHost.SpotNode(isSpot: false));
        var name = EmulatorHost.NodeName(Zone, "n1");

        await host.Tpu.StopNodeAsync(new StopNodeRequest { Name = name }, cancellationToken: EmulatorHost.Cancellation);
        var stopped = await host.GetAsync(Zone, "n1");
        await host.Tpu.StartNodeAsync(
            new StartNodeRequest { Name = name }, cancellationToken: EmulatorHost.Cancellation);

        Assert.Equal(State.Stopped, stopped.State);
        Assert.Equal(State.Ready, (await host.GetAsync(Zone, "n1")).State);
    }

    [Fact]
    public async Task StopNode_OfASpotNode_IsRefused()
    {
        await using var host = await EmulatorHost.StartAsync();
        await host.ReadyAsync(Zone, "n1");

        var refusal = await Assert.ThrowsAsync<RpcException>(async () => await host.Tpu.StopNodeAsync(
            new StopNodeRequest { Name = EmulatorHost.NodeName(Zone, "n1") },
            cancellationToken: EmulatorHost.Cancellation));

        Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);
    }

    [Fact]
    public async Task Preemption_ByTime_KeepsTheNodeAndItsNameUntilDeleted()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-west4-a": {"preempt": {"afterSeconds": 30}}}}""");
        var node = await host.ReadyAsync(Zone, "n1");
        host.Pass(30);
        var preempted = await host.GetAsync(Zone, "n1");
        host.Pass(100_000);
        var later = await host.GetAsync(Zone, "n1");
        var taken = await Assert.ThrowsAsync<RpcException>(() => host.CreateAsync(Zone, "n1"));
        await host.DeleteAsync(Zone, "n1");
        host.Pass(1);
        var second = await host.ReadyAsync(Zone, "n1");
        host.Pass(100_000);

        Assert.Equal(State.Ready, node.State);
        Assert.Equal(State.Preempted, preempted.State);
        Assert.Equal(State.Preempted, later.State);
        Assert.Equal(StatusCode.AlreadyExists, taken.StatusCode);
        Assert.Equal(State.Ready, second.State);
        Assert.Equal(State.Ready, (await host.GetAsync(Zone, "n1")).State);
    }

    [Fact]
    public async Task Preemption_OfOnDemandNodes_NeverHappens()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-west4-a": {"preempt": {"afterSeconds": 1}}}}""");
        await host.ReadyAsync(Zone, "n1", EmulatorHost.SpotNode(isSpot: false));
        host.Pass(100);

        Assert.Equal(State.Ready, (await host.GetAsync(Zone, "n1")).State);
    }

    [Fact]
    public async Task Preemption_WhileCreating_EndsTheOperationInTheCloudsWords()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-west4-a": {"preempt": {"whileCreating": true}}}}""");
        var create = await host.CreateAsync(Zone, "n1");
        host.Pass(1);

        var operation = await host.OperationAsync(create.Name);

        Assert.Equal((int)StatusCode.InvalidArgument, operation.Error.Code);
        Assert.StartsWith(
            "Cloud TPU received a bad request. update is not supported while in state PREEMPTED [EID: 0x",
            operation.Error.Message, StringComparison.Ordinal);
        Assert.Equal(State.Preempted, (await host.GetAsync(Zone, "n1")).State);
    }
}
