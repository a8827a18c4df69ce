using Microsoft.DurableTask;

namespace Workflows.Orchestrations.Tests;

public sealed class FineTuneOrchestrationTests
{
    private static readonly TpuLease Lease = Given.Lease("us-a1-a");

    /// <summary>Calls of a run that succeeds, in the order that running instances have in their histories.</summary>
    private static readonly string[] WholeStory =
    [
        "EnterStage plan", Stages.Plan, "EnterStage prepare", Stages.PrepareData,
        "EnterStage train", "TpuWork Train", "EnterStage evaluate", "TpuWork Translate",
        Stages.ReleaseNode, Stages.Score,
        "EnterStage teardown", "Draft", nameof(TeardownOrchestration), "EnterStage report", Stages.Report,
        Stages.Announce,
    ];

    private static readonly string[] Ending =
    [
        "EnterStage teardown", "Draft", nameof(TeardownOrchestration), "EnterStage report", Stages.Report,
        Stages.Announce,
    ];

    private readonly FakeContext _context = new();
    private readonly Dictionary<string, Exception> _faults = new(StringComparer.Ordinal);
    private readonly Dictionary<JobKind, TpuWorkResult> _work = new()
    {
        [JobKind.Train] = new TpuWorkResult(Lease, 3, null, false),
        [JobKind.Translate] = new TpuWorkResult(Lease, 4, null, false),
    };

    public FineTuneOrchestrationTests() => _context.Answer = Answer;

    [Fact]
    public async Task Run_ThatSucceeds_CallsEveryStageInTheOrderOfOldHistories()
    {
        var outcome = await RunAsync();

        Assert.Equal(RunStatus.Succeeded, outcome.Status);
        Assert.Null(outcome.Failure);
        Assert.Equal(WholeStory, Calls());
    }

    [Fact]
    public async Task Run_ThatSucceeds_ShowsEachStageAndThenItsStatus()
    {
        await RunAsync();

        var stages = _context.Statuses.Cast<RunStage>().ToList();
        Assert.Equal(
            [
                RunStageName.Plan, RunStageName.Prepare, RunStageName.Train, RunStageName.Evaluate,
                RunStageName.Teardown, RunStageName.Report, RunStageName.Done,
            ],
            stages.Select(stage => stage.Stage));
        Assert.Equal("succeeded", stages[^1].Detail);
    }

    [Fact]
    public async Task Run_ThatSucceeds_TranslatesOnTheTpuThatTrained()
    {
        await RunAsync();

        var inputs = _context.Calls.Select(call => call.Input).OfType<TpuWorkInput>().ToList();
        Assert.Equal([null, Lease], inputs.Select(input => input.Lease));
        Assert.Equal([1, 3], inputs.Select(input => input.NextAttempt));
        Assert.All(inputs, input => Assert.Equal((Given.Data, 2), (input.Data, input.Plan.Candidates.Count)));
    }

    [Fact]
    public async Task Run_ThatSucceeds_GivesTheTpuBackBeforeItScores()
    {
        await RunAsync();

        var release = Assert.IsType<ReleaseInput>(_context.Calls.Single(call => call.Name == Stages.ReleaseNode).Input);
        Assert.Equal(Lease.NodeName, release.NodeName);
        Assert.True(Calls().IndexOf(Stages.ReleaseNode) < Calls().IndexOf(Stages.Score));

        // Nothing waits for it, so that it is tried again while the run scores.
        Assert.False(release.GoesOn);
    }

    [Fact]
    public async Task Run_WhoseTpuWasGivenBackAlready_ScoresWithoutARelease()
    {
        _work[JobKind.Translate] = new TpuWorkResult(null, 4, null, false);

        var outcome = await RunAsync();

        Assert.Equal(RunStatus.Succeeded, outcome.Status);
        Assert.DoesNotContain(Stages.ReleaseNode, Calls());
    }

    [Fact]
    public async Task Children_OfARun_HaveTheInstanceIdsOfOldHistories()
    {
        await RunAsync();

        Assert.Equal(
            ["run:train", "run:evaluate", "run:teardown"],
            _context.Options.OfType<SubOrchestrationOptions>().Select(options => options.InstanceId));
    }

    /// <summary>Whatever breaks, the node is looked for and given back, and the run reports.</summary>
    [Theory]
    [InlineData(Stages.Plan, 2)]
    [InlineData(Stages.PrepareData, 4)]
    [InlineData("TpuWork Train", 6)]
    [InlineData("TpuWork Translate", 8)]
    [InlineData(Stages.Score, 10)]
    public async Task Run_WhoseStageFails_TearsDownReportsAndSaysWhy(string stage, int callsBefore)
    {
        _faults[stage] = new RunFaultException("A_CODE", "what happened", "what to do");

        var outcome = await RunAsync();

        Assert.Equal(RunStatus.Failed, outcome.Status);
        Assert.Equal(new RunFailure("A_CODE", "what happened", "what to do"), outcome.Failure);
        Assert.Equal([.. WholeStory[..callsBefore], .. Ending], Calls());
    }

    [Fact]
    public async Task Run_WhoseStageBreaksUnexpectedly_EndsAsInternalAndTearsDown()
    {
        _faults[Stages.Score] = new InvalidOperationException("no such thing");

        var outcome = await RunAsync();

        Assert.Equal((RunStatus.Failed, "INTERNAL"), (outcome.Status, outcome.Failure?.Code));
        Assert.Contains("no such thing", outcome.Failure!.Message, StringComparison.Ordinal);
        Assert.Equal(Ending, Calls()[^6..]);
    }

    /// <summary>What looks after the money and the verdict does not fail with what is merely good to have.</summary>
    [Theory]
    [InlineData(Stages.ReleaseNode)]
    [InlineData("EnterStage teardown")]
    [InlineData("Draft")]
    [InlineData(Stages.Announce)]
    public async Task Run_WhoseSideStepFails_EndsAsItWould(string step)
    {
        _faults[step] = new RunFaultException("A_CODE", "what happened", "what to do");

        var outcome = await RunAsync();

        Assert.Equal(RunStatus.Succeeded, outcome.Status);
        Assert.Equal(WholeStory, Calls());
    }

    [Fact]
    public async Task Run_WhoseDeletionHangs_ScoresAndReportsBeforeIt()
    {
        var release = new TaskCompletionSource<NodeRelease>();
        var teardown = new TaskCompletionSource<object?>();
        _context.Answer = (name, input) => name switch
        {
            Stages.ReleaseNode => release.Task,
            nameof(TeardownOrchestration) => teardown.Task,
            _ => Answer(name, input),
        };
        var run = RunAsync();

        Assert.False(run.IsCompleted);
        Assert.Contains(Stages.Score, Calls());
        var draft = _context.Calls.Select(call => call.Input).OfType<ReportInput>().Single();
        Assert.Equal((RunStatus.Succeeded, true), (draft.Status, draft.IsDraft));

        teardown.SetResult(null);
        Assert.Equal(RunStatus.Succeeded, (await run).Status);
        Assert.False(_context.Calls.Select(call => call.Input).OfType<ReportInput>().Last().IsDraft);
    }

    /// <summary>Work on what a user brought may hang: the run ends without it.</summary>
    [Theory]
    [InlineData(Stages.Plan)]
    [InlineData(Stages.PrepareData)]
    [InlineData(Stages.Score)]
    public async Task Cancel_WhileAStageHangs_EndsTheRunWithoutIt(string stage)
    {
        _context.Answer = (name, input) => name != stage ? Answer(name, input)
            : stage == Stages.Plan ? new TaskCompletionSource<RunPlan>().Task
            : stage == Stages.PrepareData ? new TaskCompletionSource<PreparedData>().Task
            : new TaskCompletionSource<object?>().Task;
        var run = RunAsync();
        Assert.False(run.IsCompleted);

        _context.Raise(RunEvents.Cancel, "enough");

        Assert.Equal(RunStatus.Cancelled, (await run).Status);
        Assert.Equal(Ending, Calls()[^6..]);
    }

    [Fact]
    public async Task Run_WhoseChildFailsOfAFaultFurtherDown_CarriesThatFault()
    {
        var fault = new RunFaultException("INNER_CODE", "deep", "mend");
        _faults["TpuWork Train"] = new TaskFailedException(nameof(AcquireTpuOrchestration), 1, fault);

        var outcome = await RunAsync();

        Assert.Equal(new RunFailure("INNER_CODE", "deep", "mend"), outcome.Failure);
    }

    /// <summary>A budget, a refusal, a fault of the worker: the work says so, and the run ends the same way.</summary>
    [Theory]
    [InlineData(JobKind.Train, "BUDGET_EXHAUSTED", 6)]
    [InlineData(JobKind.Train, "NO_ZONE_LEFT", 6)]
    [InlineData(JobKind.Train, "TOO_MANY_LOSSES", 6)]
    [InlineData(JobKind.Translate, "BUDGET_EXHAUSTED", 8)]
    [InlineData(JobKind.Translate, "WORKER_FAILED", 8)]
    public async Task Run_WhoseWorkEndsWithAFailure_SkipsTheRestAndTearsDown(JobKind kind, string code, int callsBefore)
    {
        var failure = new RunFailure(code, "m", "f");
        _work[kind] = new TpuWorkResult(Lease, 3, failure, false);

        var outcome = await RunAsync();

        Assert.Equal((RunStatus.Failed, failure), (outcome.Status, outcome.Failure));
        Assert.Equal([.. WholeStory[..callsBefore], .. Ending], Calls());
    }

    [Theory]
    [InlineData(JobKind.Train, 6)]
    [InlineData(JobKind.Translate, 8)]
    public async Task Run_WhoseWorkIsCancelled_EndsCancelledAndTearsDown(JobKind kind, int callsBefore)
    {
        _work[kind] = new TpuWorkResult(Lease, 3, null, true);

        var outcome = await RunAsync();

        Assert.Equal((RunStatus.Cancelled, null), (outcome.Status, outcome.Failure));
        Assert.Equal([.. WholeStory[..callsBefore], .. Ending], Calls());
    }

    [Fact]
    public async Task Cancel_BeforeAnythingIsRented_RentsNothing()
    {
        _context.Answer = (name, input) =>
        {
            if (name == Stages.PrepareData)
            {
                _context.Raise(RunEvents.Cancel, "enough");
            }

            return Answer(name, input);
        };

        var outcome = await RunAsync();

        Assert.Equal(RunStatus.Cancelled, outcome.Status);
        Assert.DoesNotContain(Calls(), call => call.StartsWith("TpuWork", StringComparison.Ordinal));
        Assert.Equal(Ending, Calls()[^6..]);
    }

    [Fact]
    public async Task Cancel_WhileWorkIsUnderWay_IsSentOnAndWaitedFor()
    {
        var work = new TaskCompletionSource<TpuWorkResult>();
        _context.Answer = (name, input) =>
            input is TpuWorkInput { Kind: JobKind.Train } ? work.Task : Answer(name, input);
        var run = RunAsync();

        _context.Raise(RunEvents.Cancel, "enough");

        // Teardown must not race with the child, which stops its worker first.
        Assert.Equal([("run:train", RunEvents.Cancel)], _context.Sent);
        Assert.DoesNotContain(nameof(TeardownOrchestration), Calls());
        work.SetResult(new TpuWorkResult(Lease, 2, null, true));
        Assert.Equal(RunStatus.Cancelled, (await run).Status);
        Assert.Contains(nameof(TeardownOrchestration), Calls());
    }

    [Fact]
    public async Task Run_WhosePlanFails_ReportsWithoutPlanAndData()
    {
        _faults[Stages.Plan] = new RunFaultException("UNKNOWN_ACCELERATOR", "m", "f");

        await RunAsync();

        var report = _context.Calls.Select(call => call.Input).OfType<ReportInput>().Last();
        Assert.Equal((null, null, RunStatus.Failed), (report.Plan, report.Data, report.Status));
    }

    [Fact]
    public async Task Run_WhoseEndCannotBeAnnounced_EndsAsItWould()
    {
        _faults[Stages.Announce] = new InvalidOperationException("out of reach");

        var outcome = await RunAsync();

        Assert.Equal(RunStatus.Succeeded, outcome.Status);
        Assert.Equal(RunStageName.Done, Assert.IsType<RunStage>(_context.Statuses[^1]).Stage);
    }

    /// <summary>A report that could not be written is not announced, and nothing claims that the run is done.</summary>
    [Fact]
    public async Task Run_WhoseReportFails_FailsAfterItsTeardown()
    {
        _faults[Stages.Report] = new InvalidOperationException("disk full");

        await Assert.ThrowsAsync<TaskFailedException>(RunAsync);

        Assert.Contains(nameof(TeardownOrchestration), Calls());
        Assert.DoesNotContain(Stages.Announce, Calls());
    }

    [Theory]
    [InlineData(Stages.Plan, 3)]
    [InlineData(Stages.PrepareData, 3)]
    [InlineData(Stages.Score, 3)]
    [InlineData(Stages.Report, 3)]
    [InlineData(Stages.ReleaseNode, 100)]
    public async Task Activity_OfARun_IsRetriedAsItsKindAsksFor(string activity, int attempts)
    {
        await RunAsync();

        var index = _context.Calls.FindIndex(call => call.Name == activity);
        Assert.Equal(attempts, _context.Options[index]?.Retry?.Policy?.MaxNumberOfAttempts);
    }

    private Task<RunOutcome> RunAsync() => new FineTuneOrchestration().RunAsync(_context, Given.Spec);

    private List<string> Calls() => [.. _context.Calls.Select(call => Label(call.Name, call.Input))];

    private static string Label(string name, object? input) => input switch
    {
        ReportInput { IsDraft: true } => "Draft",
        StageInput stage => $"{name} {WireName.Of(stage.Stage)}",
        TpuWorkInput work => $"TpuWork {work.Kind}",
        _ => name,
    };

    private object Answer(string name, object? input)
    {
        if (_faults.TryGetValue(Label(name, input), out var fault))
        {
            throw new TaskFailedException(name, 0, fault);
        }

        return input switch
        {
            _ when name == Stages.Plan => Given.Plan("us-a1-a", "us-b1-a"),
            _ when name == Stages.PrepareData => Given.Data,
            TpuWorkInput work => _work[work.Kind],
            ReleaseInput release => new NodeRelease(release.NodeName, "READY", false),
            ReportInput report => new RunOutcome(report.Status, "report.json", report.Failure),
            _ => true,
        };
    }
}
