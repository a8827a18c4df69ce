using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Capacity;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Moves;
using Workflows.Activities.Reporting;
using Workflows.Activities.Tests.Deadlines;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Moves;

/// <summary>A run of ten hours at a measured rate: 100 steps of 360 s, a start of 100 s, a checkpoint an
/// hour.</summary>
public sealed class MoveAdviceTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 11, 29, 9, 0, 0, TimeSpan.Zero);

    private static readonly Candidate Cheap = new("us-central1-a", "v5litepod-8", ProvisioningMode.Spot, "v", 8, 2);

    private static readonly Candidate Dear = Cheap with { Zone = "us-east5-a", UsdPerHour = 5 };

    private static readonly Candidate OnDemand =
        Cheap with { Provisioning = ProvisioningMode.OnDemand, UsdPerHour = 10 };

    private static readonly JobStanding Job = new(TimeSpan.Zero, 10, 100, 10, 1, null);

    private readonly TemporaryFolder _folder = new("workflows-moves-");
    private readonly FakeTimeProvider _clock = new(Start);
    private readonly RunLedger _ledger;
    private readonly CapacityMemory _memory;
    private readonly MoveAdvice _advice;

    public MoveAdviceTests()
    {
        _ledger = new RunLedger(_folder.Path, _clock);
        _memory = new CapacityMemory(_folder.Path, _clock);
        _advice = new MoveAdvice(_ledger, _memory, new WorkForesight(_ledger, _memory, _clock), _clock);
    }

    private static RunSpec Spec { get; } = DeadlineRun.Spec with
    {
        Deadline = Start.AddHours(24),
        Tpu = DeadlineRun.Spec.Tpu with { Move = MoveChoice.Cheaper },
        BudgetUsd = 100,
    };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Find_OnDemandWithTimeToSpare_GoesBackToTheCheapestSpot()
    {
        Work(OnDemand);

        var move = Find(OnDemand);

        Assert.Equal((Cheap, MoveReason.BackToSpot), (move?.To, move?.Reason));
        Assert.True(move!.SavingUsd > MoveAdvice.Worth * move.CostUsd);

        // Nine hours of work at ten dollars are left; at two dollars they cost more for their losses.
        Assert.InRange(move.SavingUsd, 40, 72);

        // A start of 100 s and two polls of 15 s at two dollars, and the polls at ten, too.
        Assert.Equal(((100 + 30) * 2 + 30 * 10) / 3600.0, move.CostUsd, tolerance: 1e-9);
    }

    [Fact]
    public void Find_OnADearSpotNode_GoesToTheCheapOne()
    {
        Work(Dear);

        Assert.Equal((Cheap, MoveReason.CheaperSpot), (Find(Dear)?.To, Find(Dear)?.Reason));
    }

    [Fact]
    public void Find_OnACheapNode_Stays()
    {
        Work(Cheap);

        Assert.Null(Find(Cheap));
        Assert.Null(Find(Cheap with { UsdPerHour = 2.3 }));
    }

    [Theory]
    [InlineData("forbidden")]
    [InlineData("translation")]
    [InlineData("budget")]
    [InlineData("just moved")]
    [InlineData("deadline")]
    [InlineData("nearly done")]
    public void Find_WhereAMoveIsOfNoUse_Stays(string reason)
    {
        Work(OnDemand, reason == "just moved" ? MoveAdvice.LeastStay - 1 : MoveAdvice.LeastStay);
        var spec = reason switch
        {
            "forbidden" => Spec with { Tpu = Spec.Tpu with { Move = MoveChoice.None } },
            "budget" => Spec with { BudgetUsd = 1 },

            // The work and two starts, without the time for a loss.
            "deadline" => Spec with { Deadline = _clock.GetUtcNow().AddHours(9.5) },
            _ => Spec,
        };

        Assert.Null(_advice.Find(
            new ObserveJobInput(reason == "translation" ? JobKind.Translate : JobKind.Train, spec, Lease(OnDemand)),
            reason == "nearly done" ? Job with { CheckpointStep = 100 } : Job, accruedUsd: 0.95));
    }

    /// <summary>Ten polls of both nodes cost 0.5 USD, more than the move: without room for them it would be refused,
    /// and proposed again.</summary>
    [Theory]
    [InlineData(100, true)]
    [InlineData(1.5, true)]
    [InlineData(1.4, false)]
    public void Find_WithABudgetThatCouldNotGiveBothNodesBack_Stays(double budget, bool moves)
    {
        Work(OnDemand);
        _ledger.Append(Spec.RunId, LedgerKinds.Intent, $"{Lease(OnDemand).NodeName}", Lease(OnDemand));
        _ledger.Append(Spec.RunId, LedgerKinds.Ready, "1", new NodeMoment(Lease(OnDemand).NodeName, "READY"));

        Assert.Equal(moves, _advice.Find(
            new ObserveJobInput(JobKind.Train, Spec with { BudgetUsd = budget }, Lease(OnDemand)), Job,
            accruedUsd: 0.95) is not null);
    }

    /// <summary>The cheap zone is asked again when the memory has forgotten its refusal.</summary>
    [Fact]
    public void Find_ARefusedPlace_IsLeftOutUntilTheRefusalExpires()
    {
        Work(OnDemand);
        _memory.Remember(Spec.Project, Cheap, new Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600, "r", "f"));

        Assert.Equal(Dear, Find(OnDemand)?.To);
        _clock.Advance(TimeSpan.FromSeconds(600));
        Assert.Equal(Cheap, Find(OnDemand)?.To);
    }

    [Theory]
    [InlineData(LedgerKinds.Attempt)]
    [InlineData(LedgerKinds.Loss)]
    public void Find_APlaceThatDisappointedThisRun_IsLeftOutForAWhile(string kind)
    {
        Work(OnDemand);
        _ledger.Append(Spec.RunId, kind, "7", kind == LedgerKinds.Loss
            ? new OpenRecovery(1, Cheap.Zone, "PREEMPTED", 3, 1, _clock.GetUtcNow())
            : new AttemptEnd(Spec.RunId, Lease(Cheap), AttemptOutcome.Timeout, null, 900));

        Assert.Equal(Dear, Find(OnDemand)?.To);
        _clock.Advance(TimeSpan.FromSeconds(MoveAdvice.AskAgain));
        Assert.Equal(Cheap, Find(OnDemand)?.To);
    }

    /// <summary>Near the deadline few losses can be paid for, so lives count more than prices.</summary>
    [Fact]
    public void Find_ACheapZoneThatIsLostOften_IsNotWorthItNearTheDeadline()
    {
        Work(Dear);
        for (var loss = 0; loss < 20; loss++)
        {
            _memory.RememberLoss(Spec.Project, Cheap, 300);
        }

        Assert.Null(_advice.Find(
            new ObserveJobInput(
                JobKind.Train, Spec with { Deadline = _clock.GetUtcNow().AddHours(11.5) }, Lease(Dear)),
            Job, 0));
    }

    /// <summary>Nine hours of work have 4.5 losses of 2800 s at lives of two hours. A working spot node is given up if
    /// half of them can be paid for, so from 12.2 hours on; an on-demand node is too dear to wait for that.</summary>
    [Theory]
    [InlineData(11.9, true, false)]
    [InlineData(12.4, true, true)]
    [InlineData(11.9, false, true)]
    public void Find_NearTheDeadline_KeepsASpotNodeThatWorks(double hours, bool isSpot, bool moves)
    {
        var here = isSpot ? Dear : OnDemand;
        Work(here);

        var spec = Spec with { Deadline = _clock.GetUtcNow().AddHours(hours) };

        var move = _advice.Find(new ObserveJobInput(JobKind.Train, spec, Lease(here)), Job, 0);

        Assert.Equal(moves ? Cheap : null, move?.To);
    }

    /// <summary>Without a deadline the losses cost money only.</summary>
    [Fact]
    public void Find_WithoutADeadline_GoesByThePriceAndTheLosses()
    {
        Work(Dear);

        Assert.Equal(Cheap, _advice.Find(
            new ObserveJobInput(JobKind.Train, Spec with { Deadline = null }, Lease(Dear)), Job, 0)?.To);
    }

    [Theory]
    [InlineData(0, 0, 7200)]
    [InlineData(1, 3600, 5400)]
    [InlineData(3, 600, 2250)]
    public void LifeOf_SomeLosses_IsTheTimeLivedOverTheirNumber(int losses, double lived, double expected)
    {
        for (var loss = 0; loss < losses; loss++)
        {
            _memory.RememberLoss(Spec.Project, Cheap, lived);
        }

        Assert.Equal(new SpotLife(expected, losses), _memory.LifeOf(Spec.Project, Cheap));
        Assert.Equal(expected + (360.0 / (losses + 1)), _memory.LifeOf(Spec.Project, Cheap, alive: 360).Seconds);
    }

    [Fact]
    public async Task RecordMove_OfEachStep_WritesAFactOfItsOwnOnce()
    {
        var move = new OpenMove(
            Lease(Dear), Lease(Cheap) with { Attempt = 4 }, "o", MoveReason.CheaperSpot, 3, 1, Start);
        foreach (var step in new[] { MoveStep.Begun, MoveStep.GivenUp, MoveStep.GivenUp })
        {
            await new RecordMoveActivity(_ledger).RunAsync(
                null!, new MoveRecord(Spec.RunId, move, step, 60, step == MoveStep.GivenUp ? "BOOT_TIMEOUT" : null));
        }

        Assert.Equal(
            [(LedgerKinds.MoveBegun, "4"), (LedgerKinds.MoveGivenUp, "4")],
            _ledger.Read(Spec.RunId).Select(entry => (entry.Kind, entry.Key)));
        var row = Assert.Single(MoveRow.Of(_ledger, Spec.RunId));
        Assert.Equal(
            ("us-east5-a", "us-central1-a", MoveStep.GivenUp, "BOOT_TIMEOUT"), (row.From, row.To, row.Step, row.Why));
    }

    /// <summary>A run that came back to spot may go over again, and tells only of the last time.</summary>
    [Fact]
    public async Task RecordSwitch_AfterAMoveBack_IsAFactOfItsOwn()
    {
        var change = new SpotSwitch(Spec.RunId, Start, SwitchReason.Deadline, null);
        var record = new RecordSwitchActivity(_ledger);
        Assert.True(await record.RunAsync(null!, change));
        Assert.False(await record.RunAsync(null!, change));
        Assert.Equal(Start, SwitchedAt());

        _clock.Advance(TimeSpan.FromHours(1));
        var back = new OpenMove(
            Lease(OnDemand), Lease(Cheap) with { Attempt = 4 }, "o", MoveReason.BackToSpot, 3, 1, Start);
        await new RecordMoveActivity(_ledger).RunAsync(
            null!, new MoveRecord(Spec.RunId, back, MoveStep.Done, 60, null));
        Assert.Null(SwitchedAt());

        Assert.True(await record.RunAsync(null!, change with { At = Start.AddHours(2) }));
        Assert.Equal(Start.AddHours(2), SwitchedAt());

        DateTimeOffset? SwitchedAt() =>
            DeadlineFacts.Of(_ledger, Spec, null, _clock.GetUtcNow(), hasEnded: false)?.SwitchedAt;
    }

    private static TpuLease Lease(Candidate place) => new(NodeName.Of("team", place.Zone, "n"), place, 1);

    private MoveProposal? Find(Candidate here) =>
        _advice.Find(new ObserveJobInput(JobKind.Train, Spec, Lease(here)), Job, accruedUsd: 0);

    /// <summary>Writes the plan and the dispatch of the job, and lets it work.</summary>
    private void Work(Candidate here, double seconds = MoveAdvice.LeastStay)
    {
        _ledger.Append(Spec.RunId, LedgerKinds.Plan, "plan", new RunPlan([Cheap, Dear], 1, 36100)
        {
            Time = new TimeEstimate(100, 36000, 0, 1e9, 1, 1, 1, "measured") { Source = EstimateSource.Measured },
            OnDemand = [OnDemand],
        });
        _ledger.Append(Spec.RunId, LedgerKinds.Job, "train@n", new DispatchInput(
            JobKind.Train, Spec, new PreparedData("", "", 1, 1, new Dictionary<string, int>()), Lease(here), "", null));
        _clock.Advance(TimeSpan.FromSeconds(seconds));
    }
}
