namespace Workflows.Orchestrations.Tests;

public sealed class TpuWorkOrchestrationTests
{
    private static readonly JobObservation Working = new("Ready", false, null, 0, null, 1, 10, 2.0, 0.1);
    private readonly FakeContext _context = new();
    private readonly Queue<JobObservation> _looks = new();

    public TpuWorkOrchestrationTests() => _context.Answer = (name, input) => (name, input) switch
    {
        (Stages.ObserveJob, _) => _looks.Count > 0 ? _looks.Dequeue() : Working,
        (Stages.ReleaseNode, ReleaseInput release) => new NodeRelease(release.NodeName, "READY", false),
        (nameof(AcquireTpuOrchestration), AcquireInput acquire) => new AcquireResult(
            Given.Lease("us-b1-a"), acquire.FirstAttempt + 1, null, false, acquire.RuledOut),
        _ => true,
    };

    [Fact]
    public async Task Work_ThatSucceeds_KeepsTheTpuForTheNextStage()
    {
        _looks.Enqueue(Working);
        _looks.Enqueue(Working with { End = new JobEnd(true, null, null) });

        var result = await RunAsync(Input(lease: null));

        Assert.Equal("us-b1-a", result.Lease?.Candidate.Zone);
        Assert.Null(result.Failure);
        Assert.Single(_context.Calls, call => call.Name == Stages.DispatchJob);
        Assert.DoesNotContain(_context.Calls, call => call.Name == Stages.ReleaseNode);
    }

    [Fact]
    public async Task Work_WhoseTpuIsLost_GivesItBackAndGoesOnElsewhere()
    {
        _looks.Enqueue(Working with { IsLost = true, LossCause = "PREEMPTED", LostSteps = 4, Step = 54 });

        await RunAsync(Input(Given.Lease("us-a1-a")));

        var next = Assert.IsType<TpuWorkInput>(_context.NextGeneration);
        Assert.Null(next.Lease);
        Assert.Equal(("us-a1-a", 1), (next.Avoid, next.Losses));
        Assert.Equal((4, 50, "PREEMPTED"), (next.Recovery!.LostSteps, next.Recovery.FromStep, next.Recovery.Cause));
        Assert.Contains(_context.Calls, call => call.Name == Stages.ReleaseNode);
        Assert.Contains(_context.Calls, call => call.Name == Stages.RecordLoss);
    }

    /// <summary>A node holds its quota until it is proved gone.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(null, true)]
    public async Task Work_WhoseTpuIsLost_TellsTheSearchOfANodeThatIsNotProvedGone(bool? isGone, bool isTold)
    {
        var lease = Given.Lease("us-a1-a");
        var answer = _context.Answer;
        _context.Answer = (name, input) => name != Stages.ReleaseNode ? answer(name, input)
            : isGone is { } gone ? new NodeRelease(lease.NodeName, "DELETING", gone)
            : throw new Microsoft.DurableTask.TaskFailedException(name, 1, new TimeoutException("away"));
        _looks.Enqueue(Working with { IsLost = true, LossCause = "PREEMPTED" });

        await RunAsync(Input(lease));
        var next = Assert.IsType<TpuWorkInput>(_context.NextGeneration);
        await RunAsync(next);

        var search = Assert.Single(_context.Calls.Select(call => call.Input).OfType<AcquireInput>());
        Assert.Equal(isTold ? lease : null, search.Leaving);
        Assert.Null(Assert.IsType<TpuWorkInput>(_context.NextGeneration).Leaving);
    }

    /// <summary>The end of its time says nothing against the zone, which may be asked again at once.</summary>
    [Fact]
    public async Task Work_WhoseTpuIsOverItsTime_GoesOnInAnyZone()
    {
        _looks.Enqueue(Working with { IsLost = true, LossCause = JobObservation.DurationOver, Step = 54 });

        await RunAsync(Input(Given.Lease("us-a1-a")));

        var next = Assert.IsType<TpuWorkInput>(_context.NextGeneration);
        Assert.Equal((null, 1, "RUN_DURATION_OVER"), (next.Avoid, next.Losses, next.Recovery!.Cause));
        Assert.True(_context.Calls.Select(call => call.Input).OfType<ReleaseInput>().Single().GoesOn);
        Assert.Contains(_context.Calls, call => call.Name == Stages.ReleaseNode);
    }

    [Fact]
    public async Task Work_OfManyLooks_BeginsAnewWithTheSameTpu()
    {
        await RunAsync(Input(Given.Lease("us-a1-a")));

        var next = Assert.IsType<TpuWorkInput>(_context.NextGeneration);
        Assert.Equal("us-a1-a", next.Lease?.Candidate.Zone);
        Assert.Null(next.Recovery);
    }

    [Fact]
    public async Task Work_CancelledInALook_DoesNotBeginAnew()
    {
        var answer = _context.Answer;
        _context.Answer = (name, input) =>
        {
            if (name == Stages.ObserveJob)
            {
                _context.Raise(RunEvents.Cancel, "enough");
                return Working with { IsLost = true, LossCause = "PREEMPTED" };
            }

            return answer(name, input);
        };

        var result = await RunAsync(Input(Given.Lease("us-a1-a")));

        Assert.True(result.Cancelled);
        Assert.Null(_context.NextGeneration);
    }

    [Fact]
    public async Task Work_OverTheBudget_StopsTheJob()
    {
        _looks.Enqueue(Working with { AccruedUsd = Given.Spec.BudgetUsd });

        var result = await RunAsync(Input(Given.Lease("us-a1-a")));

        Assert.Equal("BUDGET_EXHAUSTED", result.Failure?.Code);
        Assert.Contains(_context.Calls, call => call.Name == Stages.StopJob);
    }

    [Fact]
    public async Task Work_WhoseBudgetBearsOnlyTheEnd_StopsTheJob()
    {
        _looks.Enqueue(Working with { AccruedUsd = Given.Spec.BudgetUsd - 0.03, StopUsd = 0.02 });
        _looks.Enqueue(Working with { AccruedUsd = Given.Spec.BudgetUsd - 0.02, StopUsd = 0.02 });

        var result = await RunAsync(Input(Given.Lease("us-a1-a")));

        Assert.Equal("BUDGET_EXHAUSTED", result.Failure?.Code);
        Assert.Equal(2, _context.Calls.Count(call => call.Name == Stages.ObserveJob));
        Assert.Single(_context.Calls, call => call.Name == Stages.StopJob);
    }

    [Fact]
    public async Task Work_WhoseTimeIsOver_StopsTheJob()
    {
        var input = Input(Given.Lease("us-a1-a"));
        input = input with
        {
            Spec = input.Spec with { MaxHours = 0.01 },
            StopAt = _context.CurrentUtcDateTime.AddSeconds(input.Spec.Pace.PollSeconds * 3.5),
        };

        var result = await RunAsync(input);

        Assert.Equal("TIME_EXHAUSTED", result.Failure?.Code);
        Assert.Contains("0.01 hours (maxHours)", result.Failure!.Message, StringComparison.Ordinal);
        Assert.Equal(4, _context.Calls.Count(call => call.Name == Stages.ObserveJob));
        Assert.Single(_context.Calls, call => call.Name == Stages.StopJob);
        Assert.Equal("us-a1-a", result.Lease?.Candidate.Zone);
    }

    [Fact]
    public async Task Work_ThatLooksForATpu_TellsTheSearchUntilWhen()
    {
        var until = _context.CurrentUtcDateTime.AddHours(1);
        _looks.Enqueue(Working with { End = new JobEnd(true, null, null) });

        await RunAsync(Input(lease: null) with { StopAt = until });

        var search = Assert.Single(_context.Calls, call => call.Name == nameof(AcquireTpuOrchestration));
        Assert.Equal(until, Assert.IsType<AcquireInput>(search.Input).StopAt);
    }

    [Fact]
    public async Task Work_ThatFailsOnTheWorker_CarriesItsCode()
    {
        _looks.Enqueue(Working with { End = new JobEnd(false, "training.diverged", "loss is NaN") });

        var result = await RunAsync(Input(Given.Lease("us-a1-a")));

        Assert.Equal(("training.diverged", "loss is NaN"), (result.Failure?.Code, result.Failure?.Message));
    }

    [Fact]
    public async Task Work_AfterALoss_TellsTheNextWorkerWhatItRecoversFromOnce()
    {
        var loss = new OpenRecovery(1, "us-a1-a", "PREEMPTED", 4, 50, _context.CurrentUtcDateTime);

        await RunAsync(Input(lease: null) with { Losses = 1, Recovery = loss, Avoid = "us-a1-a" });

        var dispatch = Assert.Single(_context.Calls.Select(call => call.Input).OfType<DispatchInput>());
        Assert.Equal((loss, "run:train"), (dispatch.Recovery, dispatch.ReplyTo));
        Assert.Equal("us-a1-a", Assert.Single(_context.Calls.Select(call => call.Input).OfType<AcquireInput>()).Avoid);
        Assert.Null(Assert.IsType<TpuWorkInput>(_context.NextGeneration).Recovery);
    }

    [Fact]
    public async Task Work_ThatLosesItsFiftyFirstTpu_GivesUp()
    {
        _looks.Enqueue(Working with { IsLost = true, LossCause = "PREEMPTED" });

        var result = await RunAsync(Input(Given.Lease("us-a1-a")) with { Losses = 50 });

        Assert.Equal("TOO_MANY_LOSSES", result.Failure?.Code);
        Assert.Null(result.Lease);
        Assert.Null(_context.NextGeneration);
        Assert.Contains(_context.Calls, call => call.Name == Stages.ReleaseNode);
    }

    /// <summary>On-demand nodes are not preempted, and their workers fail as well as others.</summary>
    [Theory]
    [InlineData(RunFailure.TooManyPreemptions, false, false)]
    [InlineData(RunFailure.TooManyPreemptions, true, true)]
    [InlineData(RunFailure.TooManyFailures, true, false)]
    public async Task Work_WithTooManyLosses_EndsUnlessOnDemandNodesHelp(string code, bool maySwitch, bool goesOn)
    {
        var failure = new RunFailure(code, "m", "f");
        _looks.Enqueue(Working with { IsLost = true, LossCause = "X", TooManyLosses = failure });
        var input = Limited(Input(Given.Lease("us-a1-a")) with { Losses = 7 });
        if (maySwitch)
        {
            input = input with { Plan = input.Plan with { OnDemand = input.Plan.Candidates } };
        }

        var result = await RunAsync(input);

        Assert.Equal(goesOn ? null : failure, result.Failure);
        Assert.Equal(goesOn ? (true, 8) : null, ((bool, int)?)(_context.NextGeneration is TpuWorkInput next
            ? (next.IsSwitched, next.Losses) : null));
        Assert.Contains(_context.Calls, call => call.Name == Stages.RecordLoss);
    }

    /// <summary>The look at the job counts the losses of a run with limits, over all its jobs.</summary>
    [Fact]
    public async Task Work_OfARunWithLimits_GoesOnAfterItsFiftyFirstLoss()
    {
        _looks.Enqueue(Working with { IsLost = true, LossCause = "PREEMPTED" });

        var result = await RunAsync(Limited(Input(Given.Lease("us-a1-a")) with { Losses = 50 }));

        Assert.Null(result.Failure);
        Assert.Equal(51, Assert.IsType<TpuWorkInput>(_context.NextGeneration).Losses);
    }

    [Fact]
    public async Task Work_LostWithoutACause_RecordsTheStateOfTheNode()
    {
        _looks.Enqueue(Working with { IsLost = true, NodeState = "NOT_FOUND" });

        await RunAsync(Input(Given.Lease("us-a1-a")));

        var loss = Assert.Single(_context.Calls.Select(call => call.Input).OfType<LossInput>()).Loss;
        Assert.Equal("NOT_FOUND", loss.Cause);
    }

    [Fact]
    public async Task Work_WithoutATpuToBeHad_FailsAsTheSearchDid()
    {
        var failure = new RunFailure("NO_CAPACITY", "m", "f");
        Acquire(input => new AcquireResult(null, 9, failure, false, []));

        var result = await RunAsync(Input(lease: null));

        Assert.Equal((failure, 9, null), (result.Failure, result.NextAttempt, result.Lease));
        Assert.DoesNotContain(_context.Calls, call => call.Name == Stages.DispatchJob);
    }

    [Fact]
    public async Task Work_CancelledWhileItLooksForATpu_PassesTheCancelOnAndKeepsNoLease()
    {
        var search = new TaskCompletionSource<AcquireResult>();
        var answer = _context.Answer;
        _context.Answer = (name, input) => input is AcquireInput ? search.Task : answer(name, input);
        var work = RunAsync(Input(lease: null));

        _context.Raise(RunEvents.Cancel, "enough");
        search.SetResult(new AcquireResult(Given.Lease("us-a1-a"), 2, null, false, []));
        var result = await work;

        Assert.Equal([("run:train:acquire-1", RunEvents.Cancel)], _context.Sent);
        Assert.Equal((true, null), (result.Cancelled, result.Lease));
        Assert.DoesNotContain(_context.Calls, call => call.Name == Stages.DispatchJob);
    }

    [Fact]
    public async Task Work_CancelledWhileItRuns_StopsTheJobAndKeepsTheLeaseForTeardown()
    {
        _context.Answer = (name, _) =>
        {
            if (name == Stages.DispatchJob)
            {
                _context.Raise(RunEvents.Cancel, "enough");
            }

            return true;
        };

        var result = await RunAsync(Input(Given.Lease("us-a1-a")));

        Assert.Equal((true, Given.Lease("us-a1-a")), (result.Cancelled, result.Lease));
        Assert.Equal([Stages.DispatchJob, Stages.StopJob], _context.Calls.Select(call => call.Name));
    }

    [Fact]
    public async Task Work_WokenByTheWorker_LooksAtOnceAndBelievesTheLook()
    {
        _looks.Enqueue(Working with { End = new JobEnd(true, null, null) });
        _context.Raise(RunEvents.JobEnded, "train@n");
        var began = _context.CurrentUtcDateTime;

        var result = await RunAsync(Input(Given.Lease("us-a1-a")));

        Assert.Null(result.Failure);
        Assert.Equal(began, _context.CurrentUtcDateTime);
        Assert.Single(_context.Calls, call => call.Name == Stages.ObserveJob);
    }

    [Fact]
    public async Task Work_ThatEndsWithTheLookThatSeesTheLoss_HasEnded()
    {
        _looks.Enqueue(Working with { End = new JobEnd(true, null, null), IsLost = true, AccruedUsd = 1e9 });

        var result = await RunAsync(Input(Given.Lease("us-a1-a")));

        Assert.Null(result.Failure);
        Assert.Null(_context.NextGeneration);
    }

    private static TpuWorkInput Limited(TpuWorkInput input) => input with
    {
        Spec = input.Spec with { Tpu = input.Spec.Tpu with { MaxPreemptions = 1000, MaxFailures = 5 } },
    };

    private void Acquire(Func<AcquireInput, AcquireResult> by)
    {
        var answer = _context.Answer;
        _context.Answer = (name, input) => input is AcquireInput acquire ? by(acquire) : answer(name, input);
    }

    private Task<TpuWorkResult> RunAsync(TpuWorkInput input) => new TpuWorkOrchestration().RunAsync(_context, input);

    private static TpuWorkInput Input(TpuLease? lease) =>
        new(JobKind.Train, Given.Spec, Given.Plan("us-a1-a", "us-b1-a"), Given.Data, lease, 1);
}
