using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Events;
using Workflows.Activities.Reporting;
using Workflows.Activities.Tests.Provisioning;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Events;

/// <summary>Questions, answers and early ends in the record of a run.</summary>
public sealed class RunEventActivityTests : RunFolder
{
    private static readonly NodeName Node = NodeName.Of("p", "us-west4-a", "n1");

    private static readonly ApprovalDecision Approved = new(ApprovalOutcome.Approved, "kim", null);

    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 30, 1, 0, 0, TimeSpan.Zero));
    private readonly FakeJobs _jobs = new();

    [Fact]
    public async Task Ask_RunTwice_KeepsTheFirstTime()
    {
        var first = await AskAsync(3);
        _clock.Advance(TimeSpan.FromHours(1));

        Assert.Equal(first, await AskAsync(3));
        Assert.Equal(_clock.GetUtcNow().AddHours(23), first!.Until);
        Assert.Single(Ledger.Read(Id), entry => entry.Kind == LedgerKinds.ApprovalAsked);
    }

    [Theory]
    [InlineData(5.0, 4.99, false)]
    [InlineData(5.0, 5.0, false)]
    [InlineData(5.0, 5.01, true)]
    [InlineData(5.0, null, true)]
    [InlineData(null, 0.0, true)]
    public async Task Ask_OfAnEstimate_IsNeededAboveTheGivenCost(double? above, double? estimate, bool isAsked)
    {
        Assert.Equal(isAsked, await AskAsync(estimate, above) is not null);
        Assert.Equal(isAsked, Ledger.Read(Id).Any(entry => entry.Kind == LedgerKinds.ApprovalAsked));
    }

    [Fact]
    public async Task Decide_TheSecondAnswer_IsTheFirstUntilAnotherPartAsks()
    {
        var rejected = new ApprovalDecision(ApprovalOutcome.Rejected, "lee", "no");

        var approved = Approved with { PlansAnew = true };
        Assert.Equal(approved, await DecideAsync(Approved));
        Assert.Equal(approved, await DecideAsync(rejected));
        Assert.Equal(approved, await DecideAsync(ApprovalDecision.Expired));
        Ledger.Append(Id, LedgerKinds.Resumed, "2", new ResumedFact(2, RunStatus.Failed, null, null, 0, 0, []));
        Assert.Null(RunEventFacts.DecisionOf(Ledger, Id));
        Assert.Equal(rejected, await DecideAsync(rejected));
    }

    [Fact]
    public async Task Finish_WhileTraining_NotesTheStepAndTellsTheWorkerEachTime()
    {
        Dispatch(JobKind.Train);
        _jobs.Standing = new JobStanding(TimeSpan.Zero, 57, 400, 50, 1.5, null);

        Assert.True(await FinishAsync("kim"));
        _jobs.Standing = _jobs.Standing with { Step = 60 };
        Assert.True(await FinishAsync("lee"));

        Assert.Equal(new FinishFact("kim", "flat", 57), RunEventFacts.FinishOf(Ledger, Id));
        Assert.Equal([$"finish {Id}", $"finish {Id}"], _jobs.Calls);
    }

    [Theory]
    [InlineData(50, 50)]
    [InlineData(0, 1)]
    public async Task Finish_WhoseNodeIsGone_EndsAtTheCheckpoint(int checkpoint, int step)
    {
        Dispatch(JobKind.Train);
        Ledger.Append(Id, LedgerKinds.Stopped, $"{Node}", new NodeMoment(Node, "PREEMPTED"));
        _jobs.Standing = new JobStanding(TimeSpan.Zero, 57, 400, checkpoint, 1.5, null);

        await FinishAsync("kim");

        Assert.Equal(step, RunEventFacts.FinishOf(Ledger, Id)!.Step);
    }

    [Fact]
    public async Task Finish_OfAResumedPartWithoutANode_EndsAtTheCheckpointThatItFound()
    {
        Dispatch(JobKind.Train);
        Ledger.Append(Id, LedgerKinds.Resumed, "2", new ResumedFact(2, RunStatus.Failed, null, null, 0, 57, []));
        Ledger.Append(Id, LedgerKinds.Found, "2", new FoundFact(true, 50, false, false, []));

        await FinishAsync("kim");

        Assert.Equal(50, RunEventFacts.FinishOf(Ledger, Id)!.Step);
    }

    [Theory]
    [InlineData("trained")]
    [InlineData("evaluating")]
    [InlineData("found")]
    public async Task Finish_AfterTheTraining_IsNotedAsTooLate(string how)
    {
        Dispatch(JobKind.Train);
        switch (how)
        {
            case "trained":
                Ledger.Append(Id, LedgerKinds.JobEnded, "train@n1", new EndFact(
                    new JobEnd(true, null, null), new TrainFact(400, 0, 1, 1, 2, 1, 1, 0)));
                break;
            case "evaluating":
                Ledger.Append(Id, LedgerKinds.Stage, "evaluate", new StageInput(Id, RunStageName.Evaluate, ""));
                break;
            default:
                Ledger.Append(Id, LedgerKinds.Found, "1", new FoundFact(true, 400, true, false, []));
                break;
        }

        Assert.False(await FinishAsync("kim"));

        Assert.Null(RunEventFacts.FinishOf(Ledger, Id));
        Assert.Empty(_jobs.Calls);
        Assert.Equal("kim", Assert.Single(Ledger.Read<FinishFact>(Id, LedgerKinds.FinishLate)).Data.By);
    }

    [Fact]
    public async Task Rows_OfAReport_SayItInBothLanguages()
    {
        await AskAsync(3);
        await DecideAsync(Approved with { Reason = "within budget" });
        Dispatch(JobKind.Train);
        _jobs.Standing = new JobStanding(TimeSpan.Zero, 57, 400, 50, 1.5, null);
        await FinishAsync(null);

        var rows = PersonRow.Of(Ledger, Spec());

        Assert.Equal(
            [
                "Asked for approval, with an estimate of 3.00 USD.", "Approved by kim: within budget",
                "An early end of the training, at step 57 of 400, was asked for by a person: flat",
            ],
            rows.Select(row => row.Say(new Words(Language.English))));
        Assert.Equal(
            ["승인을 요청했습니다(예상 비용 3.00 USD).", "kim 승인: within budget", "담당자 학습 조기 종료 요청(400스텝 중 57스텝): flat"],
            rows.Select(row => row.Say(new Words(Language.Korean))));
    }

    private Task<RunApproval?> AskAsync(double? usd, double? above = null) =>
        new AskApprovalActivity(Ledger, _clock).RunAsync(
            null!, new ApprovalInput(Id, new ApprovalSpec(24) { AboveUsd = above }, 10, usd, 60));

    private Task<ApprovalDecision> DecideAsync(ApprovalDecision decision) =>
        new DecideApprovalActivity(Ledger).RunAsync(null!, new DecisionInput(Id, decision));

    private Task<bool> FinishAsync(string? by) => new FinishTrainingActivity(_jobs, Ledger).RunAsync(
        null!, new FinishInput(Id, new FinishRequest(by, "flat")));

    private void Dispatch(JobKind kind) => Ledger.Append(Id, LedgerKinds.Job, "train@n1", new DispatchInput(
        kind, Spec(), new PreparedData("t", "e", 1, 1, new Dictionary<string, int>()),
        new TpuLease(Node, new Candidate("us-west4-a", "v5litepod-8", ProvisioningMode.Spot, "v", 8, 1), 1), "r:train",
        null));
}
