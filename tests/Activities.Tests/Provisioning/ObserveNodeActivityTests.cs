using Google.LongRunning;
using Grpc.Core;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using State = Google.Cloud.Tpu.V2.Node.Types.State;

namespace Workflows.Activities.Tests.Provisioning;

public sealed class ObserveNodeActivityTests : CloudFolder
{
    private const string Creation = "projects/p/locations/us-west4-a/operations/op";

    [Fact]
    public async Task Observe_ReadyNodeWithoutItsWorker_IsNotUsableAndCostsFromNow()
    {
        Cloud.Put(Node(1), State.Ready);

        var seen = await RunAsync();

        Assert.Equal(new NodeObservation("Ready", false, null), seen);
        Assert.Equal(1, Facts(LedgerKinds.Ready));
    }

    [Fact]
    public async Task Observe_ReadyNodeSeenAgain_KeepsTheFirstMomentOfItsCost()
    {
        Cloud.Put(Node(1), State.Ready);
        await RunAsync();
        Clock.Advance(TimeSpan.FromMinutes(5));
        Jobs.Connected.Add(Node(1));

        var seen = await RunAsync();

        Assert.True(seen.IsUsable);
        Assert.Equal(
            Clock.GetUtcNow().AddMinutes(-5), Assert.Single(Ledger.Read<NodeMoment>(Run, LedgerKinds.Ready)).At);
    }

    [Theory]
    [InlineData(State.Creating)]
    [InlineData(State.Starting)]
    [InlineData(State.Repairing)]
    public async Task Observe_NodeOnItsWay_IsWaitedFor(State state)
    {
        Cloud.Put(Node(1), state);

        Assert.Equal(new NodeObservation($"{state}", false, null), await RunAsync());
        Assert.Equal(0, Facts(LedgerKinds.Ready));
    }

    /// <summary>The state is late or unknown: to wait for READY would end with the deletion of a node that
    /// works.</summary>
    [Theory]
    [InlineData(State.Creating, 30, true)]
    [InlineData(State.Starting, 1, true)]
    [InlineData(State.Repairing, 1, true)]
    [InlineData(State.Unspecified, 1, true)]
    [InlineData((State)99, 1, true)]
    [InlineData(State.Creating, 31, false)]
    [InlineData(State.Preempted, 1, false)]
    [InlineData(State.Terminated, 1, false)]
    [InlineData(State.Stopping, 1, false)]
    [InlineData(State.Stopped, 1, false)]
    [InlineData(State.Deleting, 1, false)]
    [InlineData(State.Hidden, 1, false)]
    public async Task Observe_NodeWhoseWorkerIsConnected_IsUsableUnlessItIsGone(State state, int silence, bool isUsable)
    {
        Cloud.Put(Node(1), state);
        Jobs.Connected.Add(Node(1));
        Jobs.Standing = Jobs.Standing with { SilentFor = TimeSpan.FromSeconds(silence) };

        Assert.Equal(isUsable, (await RunAsync()).IsUsable);
        Assert.Equal(isUsable ? 1 : 0, Facts(LedgerKinds.Ready));
    }

    [Theory]
    [InlineData(State.Preempted)]
    [InlineData(State.Terminated)]
    [InlineData(State.Stopped)]
    [InlineData(State.Deleting)]
    public async Task Observe_NodeThatWentAwayBeforeItWasReady_IsARefusalThatIsRemembered(State state)
    {
        Cloud.Put(Node(1), state);

        var seen = await RunAsync();

        Assert.Equal(("PREEMPTED_DURING_CREATE", RefusalScope.Zone), (seen.Refusal?.Code, seen.Refusal?.Scope));
        Assert.Equal("PREEMPTED_DURING_CREATE", Memory.Find("p", Place())?.Code);
    }

    /// <summary>Its deletion may have to wait, and it costs nothing meanwhile.</summary>
    [Theory]
    [InlineData(State.Preempted, 1)]
    [InlineData(State.Terminated, 1)]
    [InlineData(State.Repairing, 0)]
    public async Task Observe_NodeThatIsLostBeforeItsWorkerConnects_CostsNoLonger(State state, int stops)
    {
        Cloud.Put(Node(1), State.Ready);
        await RunAsync();
        Assert.Equal((1, 0), (Facts(LedgerKinds.Ready), Facts(LedgerKinds.Stopped)));

        Cloud.Put(Node(1), state);
        await RunAsync();

        Assert.Equal((1, stops), (Facts(LedgerKinds.Ready), Facts(LedgerKinds.Stopped)));
    }

    [Fact]
    public async Task Observe_CreationThatFailedInItsOperation_SaysWhy()
    {
        Cloud.Operations[Creation] = new Operation
        {
            Name = Creation,
            Done = true,
            Error = new Google.Rpc.Status
            {
                Code = (int)StatusCode.ResourceExhausted,
                Message = "There is no more capacity in the zone",
            },
        };

        var seen = await RunAsync(Creation);

        Assert.Equal(("NOT_FOUND", "OUT_OF_CAPACITY"), (seen.State, seen.Refusal?.Code));
        Assert.Equal("OUT_OF_CAPACITY", Memory.Find("p", Place())?.Code);
    }

    [Fact]
    public async Task Observe_OperationThatTheCloudForgot_LeavesTheNodesStateToDecide()
    {
        Cloud.Put(Node(1), State.Creating);

        Assert.Null((await RunAsync(Creation)).Refusal);
    }

    [Fact]
    public async Task Observe_ReadyNode_IsNotAskedForItsOperation()
    {
        // The operation can stay open, or fail late, long after READY.
        Cloud.Put(Node(1), State.Ready);

        await RunAsync(Creation);

        Assert.DoesNotContain(Cloud.Calls, call => call.Method == "GetOperation");
    }

    /// <summary>An outage that outlasts the retries of a call would otherwise end the run.</summary>
    [Theory]
    [InlineData(StatusCode.Internal)]
    [InlineData(StatusCode.Unavailable)]
    [InlineData(StatusCode.DeadlineExceeded)]
    public async Task Observe_ApiOutOfReach_SaysNothingAboutTheNode(StatusCode code)
    {
        Cloud.Put(Node(1), State.Creating);
        Cloud.Fail("Get", code, "an internal error has occurred");

        Assert.Equal(new NodeObservation("UNREACHABLE", false, null), await RunAsync());
        Assert.Equal(new NodeObservation("Creating", false, null), await RunAsync());
    }

    [Fact]
    public async Task Observe_ReadyNodeWithoutItsWorker_TellsWhenTheBudgetBearsOnlyTheEnd()
    {
        // 3.6 USD an hour are 0.001 a second; ten polls of 15 s are kept for the end.
        Intend(1);
        Cloud.Put(Node(1), State.Ready);
        var spec = Spec with { BudgetUsd = 0.25 };
        await RunAsync(spec: spec);

        Clock.Advance(TimeSpan.FromSeconds(99));
        Assert.Null((await RunAsync(spec: spec)).SpentUsd);
        Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0.1, (await RunAsync(spec: spec)).SpentUsd!.Value, 9);
    }

    [Fact]
    public async Task Observe_AfterTheEndOfTheRunsTime_TellsIt()
    {
        Cloud.Put(Node(1), State.Creating);
        var stopAt = Clock.GetUtcNow().AddSeconds(1);

        Assert.False((await RunAsync(stopAt: stopAt)).IsTimeOver);
        Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True((await RunAsync(stopAt: stopAt)).IsTimeOver);
    }

    [Fact]
    public async Task Observe_OperationOutOfReach_LeavesTheDecisionToTheNodesState()
    {
        Cloud.Put(Node(1), State.Creating);
        Cloud.Fail("GetOperation", StatusCode.Unavailable, "down");

        Assert.Equal(new NodeObservation("Creating", false, null), await RunAsync(Creation));
    }

    /// <summary>A request that waits for capacity may wait for hours, in which an earlier node would cost.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Observe_NodeOfASearch_AsksForTheReleaseOfEarlierNodes(bool isSearch)
    {
        Ledger.Append(Run, LedgerKinds.Intent, $"{Node(1)}", Lease(1));
        Ledger.Append(Run, LedgerKinds.Intent, $"{Node(2)}", Lease(2));
        Cloud.Put(Node(1), State.Ready);
        Cloud.Put(Node(2), State.Creating);

        await new ObserveNodeActivity(Cloud, Ledger, Memory, Jobs, Clock)
            .RunAsync(null!, new ObserveNodeInput(Spec, Lease(2), null) { IsSearch = isSearch });

        // Without a search the earlier node works, and the later one is for a move.
        Assert.Equal(isSearch ? [$"{Node(1)}"] : [], Cloud.Deleted());
    }

    private Task<NodeObservation> RunAsync(
        string? operation = null, RunSpec? spec = null, DateTimeOffset? stopAt = null) =>
        new ObserveNodeActivity(Cloud, Ledger, Memory, Jobs, Clock)
            .RunAsync(null!, new ObserveNodeInput(spec ?? Spec, Lease(1), operation) { StopAt = stopAt });
}
