using Grpc.Core;
using Workflows.Activities.Reporting;
using Workflows.Activities.Tests.Provisioning;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using State = Google.Cloud.Tpu.V2.Node.Types.State;

namespace Workflows.Activities.Tests.Training;

public sealed class ObserveJobActivityTests : CloudFolder
{
    private static readonly JobStanding Working = new(TimeSpan.FromSeconds(1), 54, 100, 50, 2.5, null);

    [Fact]
    public async Task Observe_WorkingJob_ShowsWhatItsWorkerSaid()
    {
        Cloud.Put(Node(1), State.Ready);
        Jobs.Standing = Working;

        Assert.Equal(new JobObservation("Ready", false, null, 4, null, 54, 100, 2.5, 0), await RunAsync());
    }

    [Theory]
    [InlineData(State.Preempted, "PREEMPTED")]
    [InlineData(State.Terminated, "TERMINATED")]
    [InlineData(State.Stopped, "STOPPED")]
    [InlineData(State.Deleting, "DELETING")]
    public async Task Observe_NodeThatIsNotReady_IsLostForItsState(State state, string cause)
    {
        Cloud.Put(Node(1), state);
        Jobs.Standing = Working;

        var seen = await RunAsync();

        Assert.Equal((true, cause, 4), (seen.IsLost, seen.LossCause, seen.LostSteps));
        Assert.Equal(1, Facts(LedgerKinds.Stopped));
    }

    /// <summary>A state that is late or unknown does not end the work of a worker that talks; one of an end does,
    /// before the connection breaks.</summary>
    [Theory]
    [InlineData(State.Creating, 1, null)]
    [InlineData(State.Starting, 1, null)]
    [InlineData(State.Repairing, 30, null)]
    [InlineData((State)99, 1, null)]
    [InlineData(State.Repairing, 31, "REPAIRING")]
    [InlineData(State.Preempted, 1, "PREEMPTED")]
    [InlineData(State.Terminated, 1, "TERMINATED")]
    [InlineData(State.Stopping, 1, "STOPPING")]
    [InlineData(State.Deleting, 1, "DELETING")]
    public async Task Observe_NodeWhoseWorkerTalks_IsLostOnlyForAnEnd(State state, int silence, string? cause)
    {
        Cloud.Put(Node(1), state);
        Jobs.Connected.Add(Node(1));
        Jobs.Standing = Working with { SilentFor = TimeSpan.FromSeconds(silence) };

        var seen = await RunAsync();

        Assert.Equal((cause is not null, cause), (seen.IsLost, seen.LossCause));
    }

    [Fact]
    public async Task Observe_NodeThatIsGoneThoughItsWorkerTalks_IsLost()
    {
        Jobs.Connected.Add(Node(1));
        Jobs.Standing = Working;

        Assert.Equal("NOT_FOUND", (await RunAsync()).LossCause);
    }

    /// <summary>It may be READY again, and billed, before its deletion.</summary>
    [Fact]
    public async Task Observe_NodeUnderRepair_IsLostAndCountsOn()
    {
        Cloud.Put(Node(1), State.Repairing);
        Jobs.Standing = Working;

        var seen = await RunAsync();

        Assert.Equal((true, "REPAIRING"), (seen.IsLost, seen.LossCause));
        Assert.Equal(0, Facts(LedgerKinds.Stopped));
    }

    [Fact]
    public async Task Observe_NodeThatIsGone_StopsItsCostOnce()
    {
        Jobs.Standing = Working;

        Assert.Equal("NOT_FOUND", (await RunAsync()).LossCause);
        Clock.Advance(TimeSpan.FromMinutes(1));
        await RunAsync();

        Assert.Equal(
            Clock.GetUtcNow().AddMinutes(-1), Assert.Single(Ledger.Read<NodeMoment>(Run, LedgerKinds.Stopped)).At);
    }

    [Theory]
    [InlineData(7, true)]
    [InlineData(0, false)]
    public async Task Observe_DeviceThatFailed_IsALossAfterItHasWorkedAndTheJobsEndBefore(int step, bool isLost)
    {
        Cloud.Put(Node(1), State.Ready);
        Jobs.Standing = Working with
        {
            Step = step,
            End = new JobEnd(false, "DEVICE_LOST", "The child process 7 was ended by signal 6."),
        };

        var seen = await RunAsync();

        Assert.Equal((isLost, isLost ? "DEVICE_LOST" : null, isLost), (seen.IsLost, seen.LossCause, seen.End is null));
    }

    [Theory]
    [InlineData(30, false)]
    [InlineData(30.1, true)]
    public async Task Observe_SilentWorker_IsLostAfterItsTime(double seconds, bool isLost)
    {
        Cloud.Put(Node(1), State.Ready);
        Jobs.Standing = Working with { SilentFor = TimeSpan.FromSeconds(seconds) };

        var seen = await RunAsync();

        Assert.Equal((isLost, isLost ? "WORKER_SILENT" : null), (seen.IsLost, seen.LossCause));
        Assert.Equal(0, Facts(LedgerKinds.Stopped));
    }

    [Fact]
    public async Task Observe_JobThatEndedBeforeItsNodeWent_HasEnded()
    {
        Cloud.Put(Node(1), State.Preempted);
        Jobs.Standing = Working with { End = new JobEnd(true, null, null) };

        var seen = await RunAsync();

        Assert.False(seen.IsLost);
        Assert.True(seen.End?.Succeeded);
    }

    [Fact]
    public async Task Observe_Job_IsLookedAtAfterItsNode()
    {
        // The other way round, an end that comes in between would be taken for a loss.
        Cloud.Put(Node(1), State.Ready);
        var callsBefore = -1;
        Jobs.OnLook = () => callsBefore = Cloud.Calls.Count;

        await RunAsync();

        Assert.Equal(1, callsBefore);
    }

    [Theory]
    [InlineData(StatusCode.Unavailable, 1, false)]
    [InlineData(StatusCode.DeadlineExceeded, 1, false)]
    [InlineData(StatusCode.Unavailable, 31, true)]
    public async Task Observe_ApiOutOfReach_LetsTheWorkerDecide(StatusCode code, double silence, bool isLost)
    {
        Cloud.Fail("Get", code, "down");
        Jobs.Standing = Working with { SilentFor = TimeSpan.FromSeconds(silence) };

        var seen = await RunAsync();

        Assert.Equal(("UNREACHABLE", isLost), (seen.NodeState, seen.IsLost));
        Assert.Equal(0, Facts(LedgerKinds.Stopped));
    }

    [Fact]
    public async Task Observe_ApiThatForbidsTheCall_IsAFault()
    {
        Cloud.Fail("Get", StatusCode.PermissionDenied, "no");

        await Assert.ThrowsAsync<RpcException>(RunAsync);
    }

    [Fact]
    public async Task Observe_NodeThatCosts_AddsUpItsPriceSinceReady()
    {
        Cloud.Put(Node(1), State.Ready);
        Intend(1);
        Ledger.Append(Run, LedgerKinds.Ready, $"{Node(1)}", new NodeMoment(Node(1), "Ready"));
        Clock.Advance(TimeSpan.FromSeconds(500));

        var seen = await RunAsync();
        Assert.Equal(0.5, seen.AccruedUsd, 9);
        Assert.Equal(10 * Spec.Pace.PollSeconds / 1000, seen.StopUsd, 9);
    }

    [Fact]
    public async Task Observe_CheckpointAheadOfTheLastReport_CountsNoLostSteps()
    {
        Cloud.Put(Node(1), State.Ready);
        Jobs.Standing = Working with { Step = 49 };

        Assert.Equal(0, (await RunAsync()).LostSteps);
    }

    /// <summary>Each kind of loss has a limit of its own, counted over the stages of a run's current part.</summary>
    [Theory]
    [InlineData(2, 1, State.Preempted, 1, null)]
    [InlineData(3, 0, State.Preempted, 1, RunFailure.TooManyPreemptions)]
    [InlineData(3, 0, State.Stopping, 1, RunFailure.TooManyPreemptions)]
    [InlineData(3, 0, State.Ready, 31, null)]
    [InlineData(0, 1, State.Ready, 31, RunFailure.TooManyFailures)]
    [InlineData(0, 1, State.Repairing, 31, RunFailure.TooManyFailures)]
    [InlineData(3, 1, State.Ready, 1, null)]
    public async Task Observe_Loss_EndsTheRunAboveTheLimitOfItsKind(
        int preempted, int failed, State state, int silence, string? code)
    {
        Lose(9, "PREEMPTED");
        Lose(9, "WORKER_SILENT");
        Ledger.Append(Run, LedgerKinds.Resumed, "2", new object());
        Lose(preempted, "PREEMPTED");
        Lose(failed, "DEVICE_LOST");
        Lose(9, JobObservation.DurationOver);
        Cloud.Put(Node(1), state);
        Jobs.Standing = Working with { SilentFor = TimeSpan.FromSeconds(silence) };
        var limited = Spec with { Tpu = Spec.Tpu with { MaxPreemptions = 3, MaxFailures = 1 } };

        var seen = await RunAsync(1, limited);

        Assert.Equal(code, seen.TooManyLosses?.Code);
        Assert.Null((await RunAsync()).TooManyLosses);
    }

    [Theory]
    [InlineData(State.Ready, "tpu.maxFailures", "log of the VM")]
    [InlineData(State.Repairing, "tpu.maxFailures", "other zones")]
    [InlineData(State.Preempted, "tpu.maxPreemptions", "on-demand")]
    public async Task Observe_OneLossTooMany_NamesFieldAndFixOfItsCause(State state, string field, string fix)
    {
        Cloud.Put(Node(1), state);
        Jobs.Standing = Working with { SilentFor = TimeSpan.FromSeconds(31) };

        var failure = (await RunAsync(
            1, Spec with { Tpu = Spec.Tpu with { MaxPreemptions = 0, MaxFailures = 0 } })).TooManyLosses;

        Assert.Contains("1 node of the run", failure?.Message, StringComparison.Ordinal);
        Assert.Contains($"bears 0 ({field})", failure?.Message, StringComparison.Ordinal);
        Assert.Contains(fix, failure?.Fix, StringComparison.Ordinal);
    }

    private void Lose(int times, string cause)
    {
        for (var time = 0; time < times; time++)
        {
            Clock.Advance(TimeSpan.FromSeconds(1));
            Ledger.Append(
                Run, LedgerKinds.Loss, $"{Clock.GetUtcNow():O}",
                new OpenRecovery(time + 1, Zone, cause, 0, 0, Clock.GetUtcNow()));
        }
    }

    /// <summary>The cloud took the node, for ever or for a repair: other runs learn how long it lived.</summary>
    [Theory]
    [InlineData(State.Preempted)]
    [InlineData(State.Repairing)]
    [InlineData(State.Restarting)]
    public async Task Observe_NodeThatTheCloudTook_IsRememberedWithItsLife(State state)
    {
        Cloud.Put(Node(1), state);
        Jobs.Standing = Working;
        Intend(1);
        Ledger.Append(Run, LedgerKinds.Ready, $"{Node(1)}", new NodeMoment(Node(1), "Ready"));
        Clock.Advance(TimeSpan.FromSeconds(500));

        await new ObserveJobActivity(Cloud, Jobs, Ledger, Clock, memory: Memory)
            .RunAsync(null!, new ObserveJobInput(JobKind.Train, Spec, Lease(1)));

        Assert.Equal((1, 500), Memory.Seen().Select(place => (place.Losses, place.LifeSeconds)).Single());
    }

    /// <summary>A deletion that failed, or a lost answer, would cost until the end of the run: each look tries again,
    /// and the job goes on whatever comes of it.</summary>
    [Fact]
    public async Task Observe_Job_GivesBackTheNodesThatTheRunUsesNoMore()
    {
        Jobs.Standing = Working;
        foreach (var attempt in new[] { 1, 2, 3, 4, 5 })
        {
            Intend(attempt);
            Cloud.Put(Node(attempt), State.Ready);
        }

        // Lost or left; without an answer; at work; of a move that was given up; of a move under way.
        End(1, AttemptOutcome.Ready);
        End(2, AttemptOutcome.Refused, NodeName.None);
        End(3, AttemptOutcome.Ready);
        End(4, AttemptOutcome.Cancelled);
        Cloud.Broken[$"{Node(1)}"] = new RpcException(new Status(StatusCode.PermissionDenied, "no"));

        Assert.False((await RunAsync(3)).IsLost);
        Assert.Equal([$"{Node(2)}", $"{Node(4)}"], Cloud.Deleted().Order(StringComparer.Ordinal));
        Assert.Equal("PermissionDenied: no", Assert.Single(
            Ledger.Read<NodeMoment>(Run, LedgerKinds.NotReleased)).Data.State);

        Cloud.Broken.Clear();
        Cloud.Nodes.Remove($"{Node(2)}");
        await RunAsync(3);
        await RunAsync(3);

        Assert.Equal([$"{Node(1)}", $"{Node(2)}", $"{Node(4)}"], Cloud.Deleted().Order(StringComparer.Ordinal));
        Assert.Equal(Node(2), Assert.Single(Ledger.Read<NodeMoment>(Run, LedgerKinds.Released)).Data.NodeName);
    }

    /// <summary>One look asks for some nodes only: those of a zone that stays away must not be the same ones for
    /// ever.</summary>
    [Fact]
    public async Task Observe_JobWithManyStraysInAZoneThatIsAway_GivesBackThoseOfOthersFirst()
    {
        Jobs.Standing = Working;
        const int Work = 20;
        foreach (var attempt in Enumerable.Range(1, Work))
        {
            var zone = attempt is < 12 or Work ? Zone : attempt < 16 ? "us-east1-c" : "us-east5-a";
            var node = Node(attempt, zone);
            Ledger.Append(Run, LedgerKinds.Intent, $"{node}", Lease(attempt, zone));
            Cloud.Put(node, State.Ready);
            if (zone == Zone && attempt != Work)
            {
                Cloud.Broken[$"{node}"] = new RpcException(new Status(StatusCode.Unavailable, "away"));
            }
        }

        for (var look = 0; look < 4; look++)
        {
            await RunAsync(Work);
            foreach (var deleted in Cloud.Deleted())
            {
                Cloud.Nodes.Remove(deleted);
            }
        }

        Assert.Equal(
            Enumerable.Range(12, 8).Select(attempt => $"{Node(attempt, attempt < 16 ? "us-east1-c" : "us-east5-a")}"),
            Cloud.Deleted().Distinct().Order(StringComparer.Ordinal));
    }

    /// <summary>The job ended on its old node when the new one was usable already: the evaluation goes on with the old
    /// one.</summary>
    [Theory]
    [InlineData(LedgerKinds.MoveGivenUp, 1)]
    [InlineData(LedgerKinds.MoveBegun, 0)]
    public async Task Observe_JobAfterAMove_GivesTheNewNodeBackIfTheMoveWasGivenUp(string kind, int deleted)
    {
        Jobs.Standing = Working;
        foreach (var attempt in new[] { 1, 2 })
        {
            Intend(attempt);
            Cloud.Put(Node(attempt), State.Ready);
            End(attempt, AttemptOutcome.Ready);
        }

        var move = new OpenMove(Lease(1), Lease(2), null, MoveReason.CheaperSpot, 1, 0.1, Clock.GetUtcNow());
        Ledger.Append(Run, kind, "2", new MoveRecord(Run, move, MoveStep.GivenUp, 60, "JOB_OVER"));

        await RunAsync(1);

        Assert.Equal(Enumerable.Repeat($"{Node(2)}", deleted), Cloud.Deleted());
    }

    /// <summary>An activity that is done again late must not take the node with which the run has gone on.</summary>
    [Fact]
    public async Task Observe_JobOfALostNodeOnceMore_LeavesTheNextNodeAlone()
    {
        Intend(1);
        Intend(2);
        End(1, AttemptOutcome.Ready);
        End(2, AttemptOutcome.Ready);
        Cloud.Put(Node(1), State.Preempted);
        Cloud.Put(Node(2), State.Ready);

        await RunAsync();

        Assert.Empty(Cloud.Deleted());
    }

    private Task<JobObservation> RunAsync() => RunAsync(1);

    private Task<JobObservation> RunAsync(int attempt, RunSpec? spec = null) =>
        new ObserveJobActivity(Cloud, Jobs, Ledger, Clock).RunAsync(
            null!, new ObserveJobInput(JobKind.Train, spec ?? Spec, Lease(attempt)));
}
