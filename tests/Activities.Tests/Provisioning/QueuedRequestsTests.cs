using Google.Cloud.Tpu.V2;
using Grpc.Core;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Teardown;
using Workflows.Orchestrations;
using State = Google.Cloud.Tpu.V2.QueuedResourceState.Types.State;

namespace Workflows.Activities.Tests.Provisioning;

/// <summary>Nodes that are asked for by queued resources: request, wait, and deletion with proof.</summary>
public sealed class QueuedRequestsTests : CloudFolder
{
    private const string Name = "projects/p/locations/us-west4-a/queuedResources/wf-run-1-1";

    private const string Creation = "projects/p/locations/us-west4-a/operations/op-queue";

    private static readonly RunSpec Queueing = Spec with
    {
        Tpu = Spec.Tpu with { Request = RequestWay.QueuedResource, QueueSeconds = 1800 },
    };

    [Theory]
    [InlineData(ProvisioningMode.Spot)]
    [InlineData(ProvisioningMode.OnDemand)]
    [InlineData(ProvisioningMode.Reserved)]
    public async Task Create_ByAQueue_AsksForOneNodeWithTierAndTime(ProvisioningMode mode)
    {
        var created = await CreateAsync(mode);

        Assert.Null(created.Refusal);
        Assert.Equal(Node(1), created.NodeName);
        var queued = Cloud.Queued[Name];
        var spec = Assert.Single(queued.Tpu.NodeSpec);
        Assert.Equal(("wf-run-1-1", "v5litepod-8"), (spec.NodeId, spec.Node.AcceleratorType));
        Assert.Equal("run-1", spec.Node.Labels[NodeLabels.Run]);
        Assert.Equal(mode == ProvisioningMode.Spot, queued.Spot is not null);
        Assert.Equal(
            mode == ProvisioningMode.Reserved ? $"projects/p/locations/{Zone}/reservations/-" : "",
            queued.ReservationName);
        Assert.Equal(mode == ProvisioningMode.Reserved, queued.Guaranteed is not null);
        Assert.Null(spec.Node.SchedulingConfig);
        Assert.Equal(TimeSpan.FromMinutes(30), queued.QueueingPolicy.ValidUntilDuration.ToTimeSpan());
        var fact = Assert.Single(Ledger.Read<QueuedFact>(Run, LedgerKinds.Queued)).Data;
        Assert.Equal(new QueuedFact(Node(1), Name, Clock.GetUtcNow().AddMinutes(30)), fact);
        Assert.Empty(Cloud.Creates);
    }

    /// <summary>The answer of the first call was lost: the second one takes what it made, and asks for nothing
    /// more.</summary>
    [Fact]
    public async Task Create_Again_TakesTheRequestThatIsThere()
    {
        Cloud.Fail("CreateAnswer", StatusCode.Unavailable, "lost");
        await Assert.ThrowsAsync<RpcException>(() => CreateAsync(ProvisioningMode.Spot));

        var created = await CreateAsync(ProvisioningMode.Spot);

        Assert.Null(created.Refusal);
        Assert.Single(Cloud.Queued);
    }

    [Fact]
    public async Task Create_OverAForeignQueue_IsARefusal()
    {
        await CreateAsync(ProvisioningMode.Spot);
        Cloud.Queued[Name].Tpu.NodeSpec[0].Node.Labels[NodeLabels.Run] = "other";

        Assert.Equal("NAME_TAKEN", (await CreateAsync(ProvisioningMode.Spot)).Refusal?.Code);
    }

    [Theory]
    [InlineData(null, "Creating")]
    [InlineData(State.Creating, "Creating")]
    [InlineData(State.Accepted, "Accepted")]
    [InlineData(State.WaitingForResources, "WaitingForResources")]
    public async Task Observe_ARequestThatWaits_HasNoNodeYet(State? state, string wanted)
    {
        await PutAsync(state);

        Assert.Equal(new NodeObservation(wanted, false, null) { IsQueued = true }, await ObserveAsync());
        Assert.DoesNotContain(Cloud.Calls, call => call.Method == "Get");
    }

    [Theory]
    [InlineData(State.Failed, StatusCode.DeadlineExceeded, "QUEUE_TIMEOUT")]
    [InlineData(State.Failed, StatusCode.ResourceExhausted, "OUT_OF_CAPACITY")]
    [InlineData(State.Suspended, StatusCode.OK, "PREEMPTED_DURING_CREATE")]
    [InlineData(State.Suspending, StatusCode.OK, "PREEMPTED_DURING_CREATE")]
    public async Task Observe_ARequestThatFailed_IsARefusalThatIsRemembered(State state, StatusCode code, string wanted)
    {
        await PutAsync(state);
        Cloud.Queued[Name].State.FailedData = new QueuedResourceState.Types.FailedData
        {
            Error = new Google.Rpc.Status
            {
                Code = (int)code,
                Message = "There is no more capacity in the zone \"us-west4-a\"; try again later.",
            },
        };

        var seen = await ObserveAsync();

        Assert.False(seen.IsQueued);
        Assert.Equal(wanted, seen.Refusal?.Code);
        Assert.Equal(wanted, Memory.Find("p", Place())?.Code);
    }

    [Fact]
    public async Task Observe_ARequestThatWasNeverStored_HasTheReasonOfItsOperation()
    {
        await PutAsync(null);
        Cloud.Operations[Creation] = new Google.LongRunning.Operation
        {
            Name = Creation,
            Done = true,
            Error = new Google.Rpc.Status { Code = (int)StatusCode.NotFound, Message = "Reservation not found" },
        };

        Assert.Equal("RESERVATION_MISSING", (await ObserveAsync()).Refusal?.Code);
    }

    [Fact]
    public async Task Observe_ARequestThatHasItsNode_LooksAtTheNode()
    {
        await PutAsync(State.Provisioning);
        Cloud.Put(Node(1), Google.Cloud.Tpu.V2.Node.Types.State.Ready);
        Jobs.Connected.Add(Node(1));

        Assert.True((await ObserveAsync()).IsUsable);
    }

    /// <summary>A request that waits could create its node after a look at the node.</summary>
    [Fact]
    public async Task Release_OfANodeWithItsRequest_IsProvedWhenBothAreGone()
    {
        await PutAsync(State.Active);
        Cloud.Put(Node(1), Google.Cloud.Tpu.V2.Node.Types.State.Ready);

        Assert.False((await ReleaseAsync()).ConfirmedNotFound);
        Assert.False((await ReleaseAsync()).ConfirmedNotFound);
        Cloud.Queued.Remove(Name);
        Assert.False((await ReleaseAsync()).ConfirmedNotFound);
        Cloud.Nodes.Remove($"{Node(1)}");
        Assert.True((await ReleaseAsync()).ConfirmedNotFound);

        Assert.Equal(
            [("ForceQueued", Name), ("Delete", $"{Node(1)}")],
            Cloud.Calls.Where(call => call.Method is "ForceQueued" or "DeleteQueued" or "Delete"));
        Assert.Equal(1, Facts(LedgerKinds.Released));
        Assert.Contains(
            "queue-deletion", Ledger.Read<NodeDeletion>(Run, LedgerKinds.Deletion).Select(each => each.Data.Operation));
    }

    private async Task PutAsync(State? state)
    {
        await CreateAsync(ProvisioningMode.Spot);
        if (state is { } some)
        {
            Cloud.Queued[Name].State = new QueuedResourceState { State = some };
        }
        else
        {
            Cloud.Queued.Remove(Name);
        }
    }

    private Task<CreateNodeResult> CreateAsync(ProvisioningMode mode) => new CreateNodeActivity(
        Cloud, Ledger, Memory, new NodeSecrets(Folder),
        new WorkerBootstrap(new Uri("https://gateway"), "image", "script"), Jobs, Clock)
        .RunAsync(null!, new CreateNodeInput(Queueing, Place(mode: mode), 1));

    private Task<NodeObservation> ObserveAsync() => new ObserveNodeActivity(Cloud, Ledger, Memory, Jobs, Clock)
        .RunAsync(null!, new ObserveNodeInput(Queueing, Lease(1), Creation));

    private Task<NodeRelease> ReleaseAsync() => new ReleaseNodeActivity(Cloud, Ledger, Jobs)
        .RunAsync(null!, new ReleaseInput(Queueing, Node(1)));
}
