namespace Workflows.Orchestrations.Tests;

/// <summary>Moves of a working run to a cheaper node: at every moment one node works, and the other one is
/// known.</summary>
public sealed class NodeMoveTests
{
    private static readonly JobObservation Working = new("READY", false, null, 0, null, 1, 10, 2.0, 0.1);

    private static readonly JobEnd Stopped = new(false, "STOPPED", "The job was stopped.");

    private static readonly MoveProposal Cheaper = new(Given.At("us-b1-a"), MoveReason.CheaperSpot, 3, 0.5);

    private readonly FakeContext _context = new();
    private readonly Queue<JobObservation> _looks = new();
    private Refusal? _refusal;
    private int _usableAfter;

    public NodeMoveTests() => _context.Answer = (name, input) => (name, input) switch
    {
        (Stages.CreateNode, CreateNodeInput create) => new CreateNodeResult(
            Given.Node(create.Candidate.Zone, $"n{create.Attempt}"), "operation", _refusal),
        (Stages.ObserveNode, _) => new NodeObservation("READY", --_usableAfter < 0, null),
        (Stages.ObserveJob, _) => _looks.Dequeue(),
        (Stages.ReleaseNode, ReleaseInput release) => new NodeRelease(release.NodeName, "READY", false),
        (Stages.Outlook, _) => new WorkOutlook(2000, 200, 60, 120, "The rate is measured."),
        (nameof(AcquireTpuOrchestration), AcquireInput acquire) =>
            new AcquireTpuOrchestration().RunAsync(_context, acquire),
        _ => true,
    };

    [Fact]
    public async Task Work_WithAProposal_ContinuesOnTheNewNodeOnceItIsUsable()
    {
        _usableAfter = 1;
        Look(Working with { Move = Cheaper }, Working, Working, Working, Working with { End = Stopped });

        await RunAsync(Input() with { IsSwitched = true });

        var next = Assert.IsType<TpuWorkInput>(_context.NextGeneration);
        Assert.Equal((2, "us-b1-a"), (next.Lease?.Attempt, next.Lease?.Candidate.Zone));
        Assert.Equal((null, false, 3), (next.Move, next.IsSwitched, next.NextAttempt));
        Assert.Equal([MoveStep.Begun, MoveStep.Done], Moves().Select(move => move.Step));

        // The old node works until the new one is usable, has saved its work, and is deleted last.
        Assert.Equal(
            [
                Stages.DispatchJob, Stages.ObserveJob, Stages.CreateNode, Stages.RecordMove, Stages.ObserveJob,
                Stages.ObserveNode, Stages.ObserveJob, Stages.ObserveNode, Stages.EndAttempt, Stages.StopJob,
                Stages.ObserveJob, Stages.ObserveJob, Stages.RecordMove, Stages.ReleaseNode,
            ],
            _context.Calls.Select(call => call.Name));
        Assert.Equal([Given.Lease("us-a1-a").NodeName], Released());
        Assert.True(((CreateNodeInput)Call(Stages.CreateNode)).IsMove);
    }

    /// <summary>While the zone that was left does not answer, the new node would cost without working.</summary>
    [Fact]
    public async Task Work_WithAProposalThatReleasesBeside_GoesOnBeforeTheOldNodeIsGivenBack()
    {
        Look(
            Working with { Move = Cheaper with { ReleasesBeside = true } }, Working,
            Working with { End = Stopped });
        await RunAsync(Input());
        var next = Assert.IsType<TpuWorkInput>(_context.NextGeneration);
        Assert.Equal(Given.Lease("us-a1-a").NodeName, next.Left);
        Assert.Empty(Released());

        var answer = _context.Answer;
        _context.Answer = (name, input) => name == Stages.ReleaseNode
            ? throw new Microsoft.DurableTask.TaskFailedException(name, 1, new TimeoutException("away"))
            : answer(name, input);
        Look(Working with { End = new JobEnd(true, null, null) });
        var result = await RunAsync(next);

        Assert.Equal((null, "us-b1-a"), (result.Failure, result.Lease?.Candidate.Zone));
        Assert.Equal([Given.Lease("us-a1-a").NodeName], Released());
    }

    [Fact]
    public async Task Work_AProposalThatIsRefused_WorksOnAndLeavesNothing()
    {
        _refusal = Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600);
        Look(Working with { Move = Cheaper }, Working with { End = new JobEnd(true, null, null) });

        var result = await RunAsync(Input());

        Assert.Equal((Given.Lease("us-a1-a"), 3, null), (result.Lease, result.NextAttempt, result.Failure));
        Assert.Empty(Moves());
        Assert.Empty(Released());
        var end = (AttemptEnd)Call(Stages.EndAttempt);
        Assert.Equal((AttemptOutcome.Refused, "OUT_OF_CAPACITY"), (end.Outcome, end.Refusal?.Code));
    }

    /// <summary>A project that refuses everything would end a search, but not a run that works.</summary>
    [Fact]
    public async Task Work_WhoseProposalTheProjectForbids_WorksOn()
    {
        _refusal = Given.Refusal("PROJECT_FORBIDDEN", RefusalScope.Project, 0);
        Look(Working with { Move = Cheaper }, Working with { End = new JobEnd(true, null, null) });

        Assert.Null((await RunAsync(Input())).Failure);
    }

    /// <summary>A request whose answer was lost may have been received: its node is known, and is given back.</summary>
    [Fact]
    public async Task Work_ARequestWithoutAnAnswer_IsGivenUpAndReleased()
    {
        var answer = _context.Answer;
        _usableAfter = 100;
        _context.Answer = (name, input) => name == Stages.CreateNode
            ? throw new Microsoft.DurableTask.TaskFailedException(
                name, 1, new InvalidOperationException("No answer."))
            : answer(name, input);
        Look([Working with { Move = Cheaper }, .. Enumerable.Repeat(Working, 59)]);

        await RunAsync(Input());

        Assert.Equal(
            [(MoveStep.Begun, null), (MoveStep.GivenUp, "BOOT_TIMEOUT")],
            Moves().Select(move => (move.Step, move.Why)));
        Assert.Equal([NodeName.Of("p", "us-b1-a", "wf-run-2")], Released());
        Assert.Equal(Given.Lease("us-a1-a"), Assert.IsType<TpuWorkInput>(_context.NextGeneration).Lease);
    }

    [Fact]
    public async Task Work_ANewNodeThatIsNeverUsable_IsGivenBackAfterItsTime()
    {
        _usableAfter = 100;
        Look([Working with { Move = Cheaper }, .. Enumerable.Repeat(Working, 59)]);

        await RunAsync(Input());

        var last = Moves()[^1];
        Assert.Equal((MoveStep.GivenUp, "BOOT_TIMEOUT", 60), (last.Step, last.Why, last.Seconds));
        Assert.Equal([Given.Node("us-b1-a", "n2")], Released());
        Assert.Null(Assert.IsType<TpuWorkInput>(_context.NextGeneration).Move);
    }

    /// <summary>A move outlasts the generation in which it began.</summary>
    [Fact]
    public async Task Work_AtTheEndOfAGeneration_TakesItsMoveAlong()
    {
        _usableAfter = 100;
        Look([.. Enumerable.Repeat(Working, 59), Working with { Move = Cheaper }]);

        await RunAsync(Input());

        Assert.Equal(2, Assert.IsType<TpuWorkInput>(_context.NextGeneration).Move?.To.Attempt);
        Assert.Empty(Released());
    }

    [Fact]
    public async Task Work_WhoseNodeIsLostDuringAMove_TakesTheNewNode()
    {
        _usableAfter = 1;
        Look(Working with { Move = Cheaper }, Working with { IsLost = true, LossCause = "PREEMPTED" });
        await RunAsync(Input());
        var next = Assert.IsType<TpuWorkInput>(_context.NextGeneration);
        Assert.Null(next.Lease);

        Look(Working with { End = new JobEnd(true, null, null) });
        var result = await RunAsync(next);

        Assert.Equal((2, "us-b1-a"), (result.Lease?.Attempt, result.Lease?.Candidate.Zone));
        Assert.Single(_context.Calls, call => call.Name == Stages.CreateNode);
        Assert.Equal(MoveStep.Done, Moves()[^1].Step);
    }

    /// <summary>A run that is on demand for its deadline takes an on-demand node at once.</summary>
    [Fact]
    public async Task Work_WhoseOnDemandNodeIsLostDuringAMove_DoesNotWaitForSpot()
    {
        Look(Working with { Move = Cheaper }, Working with { IsLost = true, LossCause = "WORKER_SILENT" });

        await RunAsync(Input() with { IsSwitched = true });

        Assert.Equal((MoveStep.GivenUp, "NODE_LOST"), (Moves()[^1].Step, Moves()[^1].Why));
        Assert.Contains(Given.Node("us-b1-a", "n2"), Released());
        Assert.Null(Assert.IsType<TpuWorkInput>(_context.NextGeneration).Move);
    }

    [Theory]
    [InlineData("done", "JOB_OVER")]
    [InlineData("failed", "JOB_OVER")]
    [InlineData("budget", "LIMIT_REACHED")]
    public async Task Work_ThatEndsDuringAMove_GivesTheNewNodeBack(string end, string why)
    {
        Look(Working with { Move = Cheaper }, end switch
        {
            "done" => Working with { End = new JobEnd(true, null, null) },
            "failed" => Working with { End = new JobEnd(false, "DIVERGED", "The loss is NaN.") },
            _ => Working with { AccruedUsd = Given.Spec.BudgetUsd },
        });

        var result = await RunAsync(Input());

        Assert.Equal(Given.Lease("us-a1-a"), result.Lease);
        Assert.Equal([Given.Node("us-b1-a", "n2")], Released());
        Assert.Equal(why, Moves()[^1].Why);
    }

    [Fact]
    public async Task Work_ThatIsDoneBeforeItStops_StaysOnItsNode()
    {
        Look(Working with { Move = Cheaper }, Working, Working with { End = new JobEnd(true, null, null) });

        var result = await RunAsync(Input());

        Assert.Equal((Given.Lease("us-a1-a"), null), (result.Lease, _context.NextGeneration));
        Assert.Equal([Given.Node("us-b1-a", "n2")], Released());
    }

    [Fact]
    public async Task Work_WhoseDeadlineComesNearDuringAMove_GivesItUp()
    {
        _usableAfter = 100;
        var outlook = new WorkOutlook(2000, 200, 60, 120, "The rate is measured.");
        var deadline = new DateTimeOffset(_context.CurrentUtcDateTime).AddSeconds(2595);
        Look(
            Working with { Move = Cheaper, Outlook = outlook }, Working with { Outlook = outlook },
            Working with { Outlook = outlook }, Working with { Outlook = outlook },
            Working with { End = new JobEnd(true, null, null) });

        await RunAsync(Input() with
        {
            Spec = Given.Spec with { Deadline = deadline },
            Plan = Given.Plan("us-a1-a") with
            {
                OnDemand = [Given.At("us-a1-a") with { Provisioning = ProvisioningMode.OnDemand }],
            },
        });

        // 2560 s are needed for a spot node and its loss.
        Assert.Equal(("DEADLINE_NEAR", 30), (Moves()[^1].Why, Moves()[^1].Seconds));
    }

    [Fact]
    public async Task Work_CancelledDuringAMove_GivesTheNewNodeBack()
    {
        var answer = _context.Answer;
        _context.Answer = (name, input) =>
        {
            if (name == Stages.RecordMove)
            {
                _context.Raise(RunEvents.Cancel, "enough");
            }

            return answer(name, input);
        };
        Look(Working with { Move = Cheaper });

        var result = await RunAsync(Input());

        Assert.True(result.Cancelled);
        Assert.Equal([Given.Node("us-b1-a", "n2")], Released());
    }

    private void Look(params JobObservation[] looks)
    {
        foreach (var look in looks)
        {
            _looks.Enqueue(look);
        }
    }

    private Task<TpuWorkResult> RunAsync(TpuWorkInput input) => new TpuWorkOrchestration().RunAsync(_context, input);

    private static TpuWorkInput Input() => new(
        JobKind.Train, Given.Spec, Given.Plan("us-a1-a", "us-b1-a"), Given.Data, Given.Lease("us-a1-a"), 2);

    private List<MoveRecord> Moves() =>
        [.. _context.Calls.Where(call => call.Name == Stages.RecordMove).Select(call => (MoveRecord)call.Input!)];

    private List<NodeName> Released() => [.. _context.Calls.Where(call => call.Name == Stages.ReleaseNode)
        .Select(call => ((ReleaseInput)call.Input!).NodeName)];

    private object Call(string name) => _context.Calls.Last(call => call.Name == name).Input!;
}
