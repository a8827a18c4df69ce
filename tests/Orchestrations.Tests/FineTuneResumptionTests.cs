using Microsoft.DurableTask;

namespace Workflows.Orchestrations.Tests;

/// <summary>A run that is resumed does only the work that is left, and tears down as ever.</summary>
public sealed class FineTuneResumptionTests
{
    private static readonly NodeName Old = Given.Node("us-a1-a", "old");

    private static readonly string[] Ending =
    [
        "EnterStage teardown", "Draft", nameof(TeardownOrchestration), "EnterStage report", Stages.Report,
        Stages.Announce,
    ];

    private readonly FakeContext _context = new();
    private ResumeState _done = new(Given.Data, 40, false, false, 7, []);

    public FineTuneResumptionTests() => _context.Answer = Answer;

    [Fact]
    public async Task Run_WithACorpusAndACheckpoint_TrainsWithoutPreparingAgain()
    {
        var outcome = await RunAsync();

        Assert.Equal(RunStatus.Succeeded, outcome.Status);
        Assert.Equal(
            [
                Stages.Resume, "EnterStage plan", Stages.Plan, "EnterStage train", "TpuWork Train",
                "EnterStage evaluate", "TpuWork Translate", Stages.Score, .. Ending,
            ],
            Calls());
        var work = _context.Calls.Select(call => call.Input).OfType<TpuWorkInput>().ToList();
        Assert.Equal([7, 8], work.Select(input => input.NextAttempt));
        Assert.All(work, input => Assert.Equal(Given.Data, input.Data));
    }

    [Fact]
    public async Task Run_WithoutAPreparedCorpus_PreparesItAgain()
    {
        _done = _done with { Data = null };

        await RunAsync();

        Assert.Equal(
            [
                Stages.Resume, "EnterStage plan", Stages.Plan, "EnterStage prepare", Stages.PrepareData,
                "EnterStage train",
            ],
            Calls()[..6]);
    }

    [Fact]
    public async Task Run_WithItsTunedModel_OnlyTranslatesAndScores()
    {
        _done = _done with { IsTrained = true };

        await RunAsync();

        Assert.Equal(
            [
                Stages.Resume, "EnterStage plan", Stages.Plan, "EnterStage evaluate", "TpuWork Translate",
                Stages.Score, .. Ending,
            ],
            Calls());
    }

    [Fact]
    public async Task Run_WithAllTranslations_RentsNothing()
    {
        _done = _done with { IsTrained = true, IsTranslated = true };

        var outcome = await RunAsync();

        Assert.Equal(RunStatus.Succeeded, outcome.Status);
        Assert.DoesNotContain(Calls(), call => call.StartsWith("TpuWork", StringComparison.Ordinal));
        Assert.Contains(Stages.Score, Calls());
    }

    [Fact]
    public async Task Run_ThatTakesOverATunedModel_DoesOnlyTheStagesAfterIt()
    {
        _done = _done with { IsTrained = true, NextAttempt = 1 };

        var outcome = await new FineTuneOrchestration().RunAsync(_context, Given.Spec with
        {
            Origin = new RunOrigin { Of = new RunId("other"), From = RunStageName.Evaluate },
        });

        Assert.Equal(RunStatus.Succeeded, outcome.Status);
        Assert.Equal(
            [
                Stages.TakeOver, "EnterStage plan", Stages.Plan, "EnterStage evaluate", "TpuWork Translate",
                Stages.Score, .. Ending,
            ],
            Calls());
    }

    [Fact]
    public async Task Run_ResumedBeforeItTookOverWork_TakesItOverAndRentsNothing()
    {
        var taken = _done with { IsTrained = true, IsTranslated = true };
        _done = ResumeState.Nothing with { MustTakeOver = true, NextAttempt = 7 };
        _context.Answer = (name, input) => name == Stages.TakeOver ? taken : Answer(name, input);

        var outcome = await RunAsync();

        Assert.Equal(RunStatus.Succeeded, outcome.Status);
        Assert.Equal(
            [
                Stages.Resume, Stages.TakeOver, "EnterStage plan", Stages.Plan, "EnterStage evaluate", Stages.Score,
                .. Ending,
            ],
            Calls());
    }

    [Fact]
    public async Task Children_OfALaterPart_HaveIdsOfTheirOwn()
    {
        await RunAsync();

        Assert.Equal(
            ["run:train-3", "run:evaluate-3", "run:teardown-3"],
            _context.Options.OfType<SubOrchestrationOptions>().Select(options => options.InstanceId));
    }

    [Fact]
    public async Task Run_WhoseOldNodesMayExist_StartsTheirReleaseAndDoesNotWaitForIt()
    {
        _done = _done with { Left = [Old] };
        _context.Answer = (name, input) => name == Stages.ReleaseNode
            ? new TaskCompletionSource<NodeRelease>().Task : Answer(name, input);

        var outcome = await RunAsync();

        Assert.Equal(RunStatus.Succeeded, outcome.Status);
        var release = Assert.IsType<ReleaseInput>(
            _context.Calls.Single(call => call.Name == Stages.ReleaseNode).Input);
        Assert.Equal(Old, release.NodeName);
        Assert.Equal([Stages.Resume, Stages.ReleaseNode, "EnterStage plan"], Calls()[..3]);
    }

    [Fact]
    public async Task Activities_OfALaterPart_GetTheRunWithoutItsHistory()
    {
        await RunAsync();

        Assert.NotNull(Assert.IsType<RunSpec>(_context.Calls[0].Input).Resumption);
        Assert.All(
            _context.Calls.Skip(1).Select(call => call.Input).OfType<RunSpec>(),
            spec => Assert.Null(spec.Resumption));
        Assert.Null(_context.Calls.Select(call => call.Input).OfType<ReportInput>().Last().Spec.Resumption);
        Assert.Equal(3, _context.Calls.Select(call => call.Input).OfType<RunEnd>().Single().Part);
    }

    [Fact]
    public async Task Run_WhoseResumptionIsRefused_TearsDownAndReports()
    {
        var fault = new RunFaultException("STEPS_BELOW_CHECKPOINT", "m", "f");
        _context.Answer = (name, input) => name == Stages.Resume
            ? throw new TaskFailedException(name, 0, fault) : Answer(name, input);

        var outcome = await RunAsync();

        Assert.Equal((RunStatus.Failed, fault.Failure), (outcome.Status, outcome.Failure));
        Assert.Equal([Stages.Resume, .. Ending], Calls());
    }

    [Fact]
    public async Task Cancel_WhileFinishedWorkIsSought_EndsTheRunWithoutIt()
    {
        _context.Answer = (name, input) => name == Stages.Resume
            ? new TaskCompletionSource<ResumeState>().Task : Answer(name, input);
        var run = RunAsync();
        Assert.False(run.IsCompleted);

        _context.Raise(RunEvents.Cancel, "enough");

        Assert.Equal(RunStatus.Cancelled, (await run).Status);
        Assert.Equal([Stages.Resume, .. Ending], Calls());
    }

    private Task<RunOutcome> RunAsync() => new FineTuneOrchestration().RunAsync(_context, Given.Spec with
    {
        Resumption = new RunResumption(
            3, Given.Spec, DateTimeOffset.UnixEpoch, [new FieldChange("budgetUsd", "1", "2")]),
    });

    private List<string> Calls() => [.. _context.Calls.Select(call => call.Input switch
    {
        ReportInput { IsDraft: true } => "Draft",
        StageInput stage => $"{call.Name} {WireName.Of(stage.Stage)}",
        TpuWorkInput work => $"TpuWork {work.Kind}",
        _ => call.Name,
    })];

    private object Answer(string name, object? input) => input switch
    {
        _ when name is Stages.Resume or Stages.TakeOver => _done,
        _ when name == Stages.Plan => Given.Plan("us-a1-a"),
        _ when name == Stages.PrepareData => Given.Data,
        TpuWorkInput work => new TpuWorkResult(null, work.NextAttempt + 1, null, false),
        ReleaseInput release => new NodeRelease(release.NodeName, "READY", false),
        ReportInput report => new RunOutcome(report.Status, "report.json", report.Failure),
        _ => true,
    };
}
