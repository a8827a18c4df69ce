using Microsoft.DurableTask;

namespace Workflows.Orchestrations.Tests;

/// <summary>A run waits for people before it rents anything, and ends its training when they say so.</summary>
public sealed class PersonEventTests
{
    private static readonly TpuLease Lease = Given.Lease("us-a1-a");

    private static readonly ApprovalDecision Approved = new(ApprovalOutcome.Approved, "kim", "within budget");

    private static readonly ApprovalDecision Rejected = new(ApprovalOutcome.Rejected, "lee", "use 270m first");

    private static readonly DateTimeOffset Start = new(2026, 11, 24, 0, 0, 0, TimeSpan.Zero);

    private readonly FakeContext _context = new() { TimersEnd = false };
    private TaskCompletionSource<TpuWorkResult>? _training;
    private ApprovalDecision? _recorded;
    private bool _isNeeded = true;
    private object? _plan = Given.Plan("us-a1-a") with { EstimatedUsd = 2.5, EstimatedSeconds = 60 };

    public PersonEventTests() => _context.Answer = Answer;

    [Fact]
    public async Task Approve_AfterTheWait_RentsTheFirstTpuThen()
    {
        var run = RunAsync();

        Assert.False(run.IsCompleted);
        Assert.Equal([Stages.AskApproval, "EnterStage approve"], Calls()[^2..]);
        Assert.Equal((RunStageName.Approve, 2.5), (Shown().Stage, Shown().Approval!.EstimatedUsd));
        Assert.Empty(Children());
        _context.RaiseOnce(RunEvents.Approval, Approved);

        Assert.Equal(RunStatus.Succeeded, (await run).Status);
        Assert.Equal(["run:train", "run:evaluate", "run:teardown"], Children());
        Assert.Null(_context.Statuses.OfType<RunStage>().First(stage => stage.Stage == RunStageName.Train).Approval);
    }

    [Fact]
    public async Task Approve_AfterTheWait_RentsByANewPlan()
    {
        _recorded = Approved with { PlansAnew = true };
        var run = RunAsync();
        _plan = Given.Plan("us-b1-a");
        _context.RaiseOnce(RunEvents.Approval, Approved);

        Assert.Equal(RunStatus.Succeeded, (await run).Status);
        var work = _context.Calls.Select(call => call.Input).OfType<TpuWorkInput>().First();
        Assert.Equal("us-b1-a", Assert.Single(work.Plan.Candidates).Zone);
    }

    [Fact]
    public async Task Approve_TooLateForTheDeadline_RentsNothing()
    {
        _recorded = Approved with { PlansAnew = true };
        var run = RunAsync();
        _plan = Task.FromException<RunPlan>(new TaskFailedException(Stages.Plan, 1, new TaskFailureDetails(
            typeof(RunFaultException).FullName!,
            new RunFaultException("DEADLINE_INFEASIBLE", "Late.", "Later.").Message, null, null, null)));
        _context.RaiseOnce(RunEvents.Approval, Approved);

        var outcome = await run;

        Assert.Equal((RunStatus.Failed, "DEADLINE_INFEASIBLE"), (outcome.Status, outcome.Failure?.Code));
        Assert.Equal(["run:teardown"], Children());
    }

    [Fact]
    public async Task Cancel_WhilePlanningAnew_EndsTheRunAsACancellation()
    {
        _recorded = Approved with { PlansAnew = true };
        var run = RunAsync();
        _plan = new TaskCompletionSource<RunPlan>().Task;
        _context.RaiseOnce(RunEvents.Approval, Approved);
        Assert.Null(Shown().Approval);
        _context.Raise(RunEvents.Cancel, "enough");

        Assert.Equal(RunStatus.Cancelled, (await run).Status);
        Assert.Equal(["run:teardown"], Children());
    }

    [Fact]
    public async Task Reject_EndsTheRunWithTheReasonAndNothingRented()
    {
        var run = RunAsync();
        _context.RaiseOnce(RunEvents.Approval, Rejected);

        var outcome = await run;

        Assert.Equal((RunStatus.Failed, "APPROVAL_REJECTED"), (outcome.Status, outcome.Failure?.Code));
        Assert.Contains("lee: use 270m first", outcome.Failure!.Message, StringComparison.Ordinal);
        Assert.Equal(["run:teardown"], Children());
    }

    [Fact]
    public async Task Wait_OverItsHours_EndsTheRun()
    {
        _context.TimersEnd = true;

        var outcome = await RunAsync();

        Assert.Equal((RunStatus.Failed, "APPROVAL_EXPIRED"), (outcome.Status, outcome.Failure?.Code));
        Assert.Equal(Start.AddHours(24), _context.CurrentUtcDateTime);
        Assert.Equal(["run:teardown"], Children());
    }

    [Fact]
    public async Task Wait_OverTheHoursOfTheRun_EndsItWithTheirCode()
    {
        _context.TimersEnd = true;

        var outcome = await RunAsync(Asking with { MaxHours = 2 });

        Assert.Equal("TIME_EXHAUSTED", outcome.Failure?.Code);
        Assert.DoesNotContain(Stages.DecideApproval, Calls());
        Assert.Equal(["run:teardown"], Children());
    }

    [Fact]
    public async Task Approval_RecordedInTheLastSecond_CountsAlthoughTheTimeIsOver()
    {
        _context.TimersEnd = true;
        _recorded = Approved;

        Assert.Equal(RunStatus.Succeeded, (await RunAsync()).Status);
    }

    [Fact]
    public async Task Cancel_WhileWaiting_EndsTheRunAsACancellation()
    {
        var run = RunAsync();
        _context.Raise(RunEvents.Cancel, "enough");

        Assert.Equal(RunStatus.Cancelled, (await run).Status);
        Assert.Equal(["run:teardown"], Children());
    }

    [Fact]
    public async Task Suspend_WhileWaiting_HoldsTheRunAndAsksOn()
    {
        var run = RunAsync();
        _context.RaiseOnce(RunEvents.Suspension, new SuspensionRequest(true, "holidays"));
        Assert.NotNull(Shown().Approval);
        Assert.True(Shown().Suspension!.IsHeld);

        // Accepted while it is suspended, and carried out afterwards.
        _context.RaiseOnce(RunEvents.Approval, Approved);
        Assert.False(run.IsCompleted);
        Assert.Equal(["run:teardown-s1"], Children());
        _context.RaiseOnce(RunEvents.Suspension, new SuspensionRequest(false, "go on"));

        Assert.Equal(RunStatus.Succeeded, (await run).Status);
        Assert.Equal(["run:teardown-s1", "run:train-s1", "run:evaluate-s1", "run:teardown"], Children());
    }

    [Fact]
    public async Task Estimate_ThatNeedsNoApproval_RentsAtOnce()
    {
        _isNeeded = false;

        Assert.Equal(RunStatus.Succeeded, (await RunAsync()).Status);
        Assert.DoesNotContain("EnterStage approve", Calls());
    }

    [Fact]
    public async Task ResumedRun_AsksAgainUnlessItNeedsNoTpu()
    {
        var part = new RunResumption(2, Asking, DateTimeOffset.UnixEpoch, []);
        var done = new ResumeState(Given.Data, 40, true, true, 3, []);
        _context.Answer = (name, input) => name == Stages.Resume ? done : Answer(name, input);

        Assert.Equal(RunStatus.Succeeded, (await RunAsync(Asking with { Resumption = part })).Status);
        Assert.DoesNotContain(Stages.AskApproval, Calls());

        done = done with { IsTranslated = false };
        var run = RunAsync(Asking with { Resumption = part });
        Assert.False(run.IsCompleted);
        Assert.Equal(RunStageName.Approve, Shown().Stage);
    }

    [Fact]
    public async Task Finish_WhileTraining_IsCarriedOutAndTheRunGoesOn()
    {
        _training = new TaskCompletionSource<TpuWorkResult>();
        var run = RunAsync(Given.Spec);
        _context.RaiseOnce(RunEvents.Finish, new FinishRequest("kim", "the loss is flat"));
        _context.RaiseOnce(RunEvents.Finish, new FinishRequest("lee", "again"));

        Assert.Equal(
            [new FinishRequest("kim", "the loss is flat"), new FinishRequest("lee", "again")],
            _context.Calls.Select(call => call.Input).OfType<FinishInput>().Select(input => input.Request));
        Assert.Empty(_context.Sent);
        _training.SetResult(new TpuWorkResult(Lease, 2, null, false));

        Assert.Equal(RunStatus.Succeeded, (await run).Status);
        Assert.Equal(["run:train", "run:evaluate", "run:teardown"], Children());
    }

    [Fact]
    public void Finish_WhileSuspended_IsNotedAtOnce()
    {
        _training = new TaskCompletionSource<TpuWorkResult>();
        _ = RunAsync(Given.Spec);
        _context.RaiseOnce(RunEvents.Suspension, new SuspensionRequest(true, "dear hours"));
        _training.SetResult(new TpuWorkResult(Lease, 2, null, true));
        Assert.True(Shown().Suspension!.IsHeld);

        _context.RaiseOnce(RunEvents.Finish, new FinishRequest("kim", null));

        Assert.Equal(Stages.FinishTraining, Calls()[^1]);
        Assert.True(Shown().Suspension!.IsHeld);
    }

    [Fact]
    public async Task Finish_ThatNoStageHasRead_IsCarriedOutBeforeTheTeardown()
    {
        var scored = new TaskCompletionSource<object?>();
        _context.Answer = (name, input) => name == Stages.Score ? scored.Task : Answer(name, input);
        var run = RunAsync(Given.Spec);
        _context.RaiseOnce(RunEvents.Finish, new FinishRequest("kim", null));
        scored.SetResult(null);

        Assert.Equal(RunStatus.Succeeded, (await run).Status);
        Assert.Equal("EnterStage teardown", Calls()[Calls().IndexOf(Stages.FinishTraining) + 1]);
    }

    [Fact]
    public async Task Finish_ThatCannotBeNoted_DoesNotEndTheRun()
    {
        _training = new TaskCompletionSource<TpuWorkResult>();
        _context.Answer = (name, input) => name == Stages.FinishTraining
            ? Task.FromException<object?>(new TaskFailedException(
                name, 1, new TaskFailureDetails("IOException", "The disk is full.", null, null, null)))
            : Answer(name, input);
        var run = RunAsync(Given.Spec);
        _context.RaiseOnce(RunEvents.Finish, new FinishRequest("kim", null));
        _training.SetResult(new TpuWorkResult(Lease, 2, null, false));

        Assert.Equal(RunStatus.Succeeded, (await run).Status);
    }

    [Fact]
    public async Task Group_AsksOnceForAllVariants()
    {
        var group = Asking with
        {
            Variants = [Given.Variant(Given.Spec, "a"), Given.Variant(Given.Spec, "b")],
            Concurrency = 1,
        };
        var run = new VariantsOrchestration().RunAsync(_context, group);

        Assert.Equal((RunStageName.Approve, 3.0), (Shown().Stage, Shown().Approval!.EstimatedUsd));
        Assert.Empty(Children());
        _context.RaiseOnce(RunEvents.Approval, Approved);

        Assert.Equal(RunStatus.Succeeded, (await run).Status);
        Assert.Equal(["run-a", "run-b"], Children());
        Assert.Single(Calls(), Stages.AskApproval);
    }

    [Fact]
    public async Task Group_Rejected_BeginsNoVariant()
    {
        var run = new VariantsOrchestration().RunAsync(
            _context, Asking with { Variants = [Given.Variant(Given.Spec, "a")], Concurrency = 1 });
        _context.RaiseOnce(RunEvents.Approval, Rejected);

        var outcome = await run;

        Assert.Equal((RunStatus.Failed, "APPROVAL_REJECTED"), (outcome.Status, outcome.Failure?.Code));
        Assert.Empty(Children());
    }

    [Fact]
    public async Task Group_CancelledWhileWaiting_IsCancelled()
    {
        var run = new VariantsOrchestration().RunAsync(
            _context, Asking with { Variants = [Given.Variant(Given.Spec, "a")], Concurrency = 1 });
        _context.Raise(RunEvents.Cancel, "enough");

        Assert.Equal(RunStatus.Cancelled, (await run).Status);
        Assert.Empty(Children());
    }

    private static RunSpec Asking => Given.Spec with { Approval = new ApprovalSpec(24) };

    private Task<RunOutcome> RunAsync(RunSpec? spec = null) =>
        new FineTuneOrchestration().RunAsync(_context, spec ?? Asking);

    private RunStage Shown() => Assert.IsType<RunStage>(_context.Statuses[^1]);

    private List<string?> Children() =>
        [.. _context.Options.OfType<SubOrchestrationOptions>().Select(options => options.InstanceId)];

    private List<string> Calls() => [.. _context.Calls.Select(call => call.Input switch
    {
        StageInput stage => $"{call.Name} {WireName.Of(stage.Stage)}",
        _ => call.Name,
    })];

    private object? Answer(string name, object? input) => input switch
    {
        _ when name == Stages.Plan => _plan,
        _ when name == Stages.PlanVariants => 3.0,
        _ when name == Stages.PrepareData => Given.Data,
        RunSpec { Variants: { } variants } when name == Stages.OpenVariants => new VariantsState(
            false, [.. variants.Select(_ => new VariantState(null, null))]),
        ApprovalInput asked => _isNeeded
            ? new RunApproval(
                Start, Start.AddHours(asked.Approval.WithinHours), asked.EstimatedUsd,
                asked.EstimatedSeconds, asked.BudgetUsd)
            : null,
        DecisionInput decision => _recorded ?? decision.Decision,
        TpuWorkInput { Kind: JobKind.Train } when _training is not null => _training.Task,
        TpuWorkInput work => new TpuWorkResult(Lease, work.NextAttempt + 1, null, false),
        ReleaseInput release => new NodeRelease(release.NodeName, "READY", false),
        VariantStart => null,
        ReportInput report => new RunOutcome(report.Status, "report.json", report.Failure),
        CompareInput compare => new RunOutcome(compare.Status, "comparison.json", compare.Failure),
        RunSpec when name == nameof(FineTuneOrchestration) => new RunOutcome(RunStatus.Succeeded, "report.json", null),
        _ => true,
    };
}
