using Microsoft.DurableTask;

namespace Workflows.Orchestrations.Tests;

/// <summary>A suspended run has no node, and continues with the work that is left.</summary>
public sealed class SuspensionTests
{
    private static readonly TpuLease Lease = Given.Lease("us-a1-a");

    private static readonly string[] Ending =
    [
        "EnterStage teardown", "Draft", nameof(TeardownOrchestration), "EnterStage report", Stages.Report,
        Stages.Announce,
    ];

    private static readonly string[] Held = ["Suspended", nameof(TeardownOrchestration)];

    private readonly FakeContext _context = new();
    private readonly TaskCompletionSource<TpuWorkResult> _firstTraining = new();
    private TaskCompletionSource<object?>? _teardown;
    private int _trainings;

    public SuspensionTests() => _context.Answer = Answer;

    [Fact]
    public async Task Suspend_WhileTraining_StopsTheJobAndWaitsWithoutANode()
    {
        var run = RunAsync();
        Assert.Empty(_context.Sent);

        Suspend("dear hours");

        // The child is told to stop; only its end shows that the worker has stopped.
        Assert.Equal([("run:train", RunEvents.Cancel)], _context.Sent);
        Assert.DoesNotContain(nameof(TeardownOrchestration), Calls());
        Assert.False(Shown().Suspension!.IsHeld);
        _firstTraining.SetResult(new TpuWorkResult(Lease, 4, null, true));

        Assert.False(run.IsCompleted);
        Assert.Equal(Held, Calls()[^2..]);
        Assert.Equal("run:teardown-s1", Children()[^1]);
        Assert.Equal(("dear hours", true), (Shown().Suspension!.Reason, Shown().Suspension!.IsHeld));
        Assert.Equal(RunStageName.Train, Shown().Stage);
    }

    [Fact]
    public async Task Unsuspend_OfAStoppedTraining_TrainsAgainOnAnotherNodeToTheEnd()
    {
        var run = RunAsync();
        Suspend("dear hours");
        _firstTraining.SetResult(new TpuWorkResult(Lease, 4, null, true));

        Unsuspend();

        Assert.Equal(RunStatus.Succeeded, (await run).Status);
        Assert.Equal(
            ["run:train", "run:teardown-s1", "run:train-s1", "run:evaluate-s1", "run:teardown"], Children());
        var again = _context.Calls.Select(call => call.Input).OfType<TpuWorkInput>().ElementAt(1);
        Assert.Equal((JobKind.Train, null, 4), (again.Kind, again.Lease, again.NextAttempt));
        Assert.Single(Calls(), "Unsuspended");
        Assert.DoesNotContain(_context.Statuses.Cast<RunStage>().Skip(_context.Statuses.Count - 4),
            status => status.Suspension is not null);
    }

    [Fact]
    public async Task Suspend_BeforeAStage_ReleasesTheNodeThatTheNextStageWouldHaveUsed()
    {
        // The training ends well, and the request arrives while it does.
        var run = RunAsync();
        _context.Answer = (name, input) => input is TpuWorkInput { Kind: JobKind.Train }
            ? throw new InvalidOperationException("trained twice") : Answer(name, input);
        Suspend("dear hours");
        _firstTraining.SetResult(new TpuWorkResult(Lease, 4, null, false));

        Assert.False(run.IsCompleted);
        Assert.Equal(Held, Calls()[^2..]);
        Unsuspend();

        Assert.Equal(RunStatus.Succeeded, (await run).Status);
        Assert.Null(_context.Calls.Select(call => call.Input).OfType<TpuWorkInput>().Last().Lease);
    }

    [Fact]
    public async Task Cancel_WhileSuspended_EndsTheRunAsACancellation()
    {
        var run = RunAsync();
        Suspend("dear hours");
        _firstTraining.SetResult(new TpuWorkResult(Lease, 4, null, true));

        _context.Raise(RunEvents.Cancel, "enough");

        Assert.Equal(RunStatus.Cancelled, (await run).Status);
        Assert.Equal([.. Held, "Unsuspended", .. Ending], Calls()[^(Held.Length + 1 + Ending.Length)..]);
    }

    [Fact]
    public async Task Suspension_BeyondTheHoursOfTheRun_EndsItWithTheirCode()
    {
        var run = RunAsync(Given.Spec with { MaxHours = 2 });
        Suspend("dear hours");
        _firstTraining.SetResult(new TpuWorkResult(Lease, 4, null, true));

        var outcome = await run;

        Assert.Equal((RunStatus.Failed, "TIME_EXHAUSTED"), (outcome.Status, outcome.Failure?.Code));
        Assert.Equal(new DateTime(2026, 11, 24, 2, 0, 0, DateTimeKind.Utc), _context.CurrentUtcDateTime);
    }

    [Fact]
    public async Task Unsuspend_WhileNodesAreGivenBack_WaitsForTheirProofBeforeAnotherIsRented()
    {
        _teardown = new TaskCompletionSource<object?>();
        var run = RunAsync();
        Suspend("dear hours");
        _firstTraining.SetResult(new TpuWorkResult(Lease, 4, null, true));
        Unsuspend();
        Assert.Equal(1, _trainings);

        var teardown = _teardown;
        _teardown = null;
        teardown.SetResult(1);

        Assert.Equal(RunStatus.Succeeded, (await run).Status);
        Assert.Equal(2, _trainings);
    }

    [Fact]
    public async Task Suspend_EndedAgainBeforeTheNextStage_StopsNothing()
    {
        var prepared = new TaskCompletionSource<PreparedData>();
        _context.Answer = (name, input) => name == Stages.PrepareData ? prepared.Task : Answer(name, input);
        _firstTraining.SetResult(new TpuWorkResult(Lease, 4, null, false));
        var run = RunAsync();
        Suspend("dear hours");
        Unsuspend();

        prepared.SetResult(Given.Data);

        Assert.Equal(RunStatus.Succeeded, (await run).Status);
        Assert.Equal(["run:train", "run:evaluate", "run:teardown"], Children());
        Assert.DoesNotContain("Suspended", Calls());
    }

    [Fact]
    public async Task Failure_OfAJobThatIsBeingStopped_FailsTheRun()
    {
        var run = RunAsync();
        Suspend("dear hours");

        _firstTraining.SetResult(new TpuWorkResult(Lease, 4, new RunFailure("DIVERGED", "m", "f"), false));

        var outcome = await run;
        Assert.Equal((RunStatus.Failed, "DIVERGED"), (outcome.Status, outcome.Failure?.Code));
        Assert.DoesNotContain("Suspended", Calls());
    }

    [Fact]
    public async Task Suspend_WhileTheLastJobEnds_LetsTheRunScoreAndEnd()
    {
        _firstTraining.SetResult(new TpuWorkResult(Lease, 4, null, false));
        var translation = new TaskCompletionSource<TpuWorkResult>();
        _context.Answer = (name, input) =>
            input is TpuWorkInput { Kind: JobKind.Translate } ? translation.Task : Answer(name, input);
        var run = RunAsync();
        Suspend("dear hours");
        Assert.NotNull(Shown().Suspension);

        translation.SetResult(new TpuWorkResult(Lease, 5, null, false));

        Assert.Equal(RunStatus.Succeeded, (await run).Status);
        Assert.Contains(Stages.ReleaseNode, Calls());
        Assert.DoesNotContain("Suspended", Calls());
        Assert.Null(
            _context.Statuses.Cast<RunStage>().Last(status => status.Stage == RunStageName.Evaluate).Suspension);
    }

    private Task<RunOutcome> RunAsync(RunSpec? spec = null) =>
        new FineTuneOrchestration().RunAsync(_context, spec ?? Given.Spec);

    private void Suspend(string reason) =>
        _context.RaiseOnce(RunEvents.Suspension, new SuspensionRequest(true, reason));

    private void Unsuspend() => _context.RaiseOnce(RunEvents.Suspension, new SuspensionRequest(false, "go on"));

    private RunStage Shown() => Assert.IsType<RunStage>(_context.Statuses[^1]);

    private List<string?> Children() =>
        [.. _context.Options.OfType<SubOrchestrationOptions>().Select(options => options.InstanceId)];

    private List<string> Calls() => [.. _context.Calls.Select(call => call.Input switch
    {
        ReportInput { IsDraft: true } => "Draft",
        StageInput stage => $"{call.Name} {WireName.Of(stage.Stage)}",
        SuspensionChange change => change.IsSuspended ? "Suspended" : "Unsuspended",
        _ => call.Name,
    })];

    private object Answer(string name, object? input) => input switch
    {
        _ when name == Stages.Plan => Given.Plan("us-a1-a"),
        _ when name == Stages.PrepareData => Given.Data,
        TpuWorkInput { Kind: JobKind.Train } when ++_trainings == 1 => _firstTraining.Task,
        TpuWorkInput work => new TpuWorkResult(Lease, work.NextAttempt + 1, null, false),
        ReleaseInput release => new NodeRelease(release.NodeName, "READY", false),
        ReportInput report => new RunOutcome(report.Status, "report.json", report.Failure),
        _ when name == nameof(TeardownOrchestration) && _teardown is not null => _teardown.Task,
        _ => true,
    };
}
