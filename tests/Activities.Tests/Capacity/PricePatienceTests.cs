using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Capacity;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Reporting;
using Workflows.Activities.Tests.Deadlines;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Capacity;

/// <summary>A run of 2480 s at a measured rate, with a deadline in 12480 s.</summary>
public sealed class PricePatienceTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 11, 29, 9, 0, 0, TimeSpan.Zero);

    private static readonly Candidate Cheap = new("us-central1-a", "v5litepod-8", ProvisioningMode.Spot, "v", 8, 2);

    private static readonly Candidate Dear = Cheap with { Zone = "us-east5-a", UsdPerHour = 5 };

    private static readonly Candidate OnDemand =
        Cheap with { Provisioning = ProvisioningMode.OnDemand, UsdPerHour = 10 };

    private readonly TemporaryFolder _folder = new("workflows-patience-");
    private readonly FakeTimeProvider _clock = new(Start);
    private readonly RunLedger _ledger;
    private readonly CapacityMemory _memory;
    private readonly PricePatience _patience;

    public PricePatienceTests()
    {
        _ledger = new RunLedger(_folder.Path, _clock);
        _memory = new CapacityMemory(_folder.Path, _clock);
        _patience = new PricePatience(
            _ledger, _memory, new WorkForesight(_ledger, _memory, _clock), _clock);
    }

    private static RunSpec Spec { get; } = DeadlineRun.Spec with { Deadline = Start.AddSeconds(12480) };

    public void Dispose() => _folder.Dispose();

    /// <summary>The search for spot ends 3925 s before the deadline: work 2300, a loss 300, two starts 180, a wait 900,
    /// a margin 65. In the 2000 s before that, a fifth of what the run has to spare, dear places are asked,
    /// too.</summary>
    [Fact]
    public void Find_ADearPlace_IsLeftOutUntilMostOfTheSpareTimeIsUsed()
    {
        Plan(Cheap, Dear);
        var later = _patience.Find(Spec, Dear);

        Assert.Equal((PricePatience.Code, RefusalScope.Zone, 0), (later?.Code, later?.Scope, later?.RememberSeconds));
        Assert.Contains(
            "us-east5-a costs 5.00 USD an hour, us-central1-a 2.00", later?.Reason, StringComparison.Ordinal);
        Assert.Contains($"{Start.AddSeconds(12480 - 3925 - 2000):yyyy-MM-dd HH:mm:ss}Z", later?.Reason,
            StringComparison.Ordinal);

        _clock.Advance(TimeSpan.FromSeconds(12480 - 3925 - 2000 - 1));
        Assert.NotNull(_patience.Find(Spec, Dear));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(_patience.Find(Spec, Dear));
    }

    [Fact]
    public void Find_WithoutReasonToWait_Asks()
    {
        Plan(Cheap, Dear);

        Assert.Null(_patience.Find(Spec, Cheap));
        Assert.Null(_patience.Find(Spec, Dear with { UsdPerHour = 2.4 }));
        Assert.Null(_patience.Find(Spec, OnDemand));
        Assert.Null(_patience.Find(Spec, Dear with { AcceleratorType = "v6e-8" }));
        Assert.Null(_patience.Find(Spec with { Deadline = null }, Dear));
        Assert.Null(_patience.Find(Spec with { Tpu = Spec.Tpu with { Fallback = SpotFallback.None } }, Dear));
        Assert.Null(_patience.Find(Spec with { Deadline = Start.AddSeconds(4100) }, Dear));

        // A search or a run that ends before the deadline is not waited out.
        Assert.NotNull(_patience.Find(Spec with { Tpu = Spec.Tpu with { AcquireTimeoutSeconds = 300 } }, Dear));
        _clock.Advance(TimeSpan.FromSeconds(100));
        Assert.Null(_patience.Find(Spec with { Tpu = Spec.Tpu with { AcquireTimeoutSeconds = 300 } }, Dear));
        Assert.Null(_patience.Find(Spec with { MaxHours = 1 }, Dear));
        Assert.NotNull(_patience.Find(Spec, Dear));
    }

    [Fact]
    public void Find_BeforeThereIsAPlan_Asks() => Assert.Null(_patience.Find(Spec, Dear));

    [Fact]
    public void Find_WithAGuessedRate_Asks()
    {
        Plan(EstimateSource.Assumed, [OnDemand], Cheap, Dear);

        Assert.Null(_patience.Find(Spec, Dear));
    }

    /// <summary>Without an on-demand place the run cannot go over, so its deadline depends on any node.</summary>
    [Fact]
    public void Find_WithoutAnOnDemandPlace_Asks()
    {
        Plan(EstimateSource.Measured, null, Cheap, Dear);

        Assert.Null(_patience.Find(Spec, Dear));
    }

    [Theory]
    [InlineData(LedgerKinds.Switched)]
    [InlineData(LedgerKinds.Resumed)]
    public void Find_AfterASwitchOrAResumption_Asks(string kind)
    {
        Plan(Cheap, Dear);
        Assert.NotNull(_patience.Find(Spec, Dear));

        _ledger.Append(Spec.RunId, kind, kind, new object());

        Assert.Null(_patience.Find(Spec, Dear));
    }

    /// <summary>A place is waited for if the run had a node there, or if it lacks nothing but capacity.</summary>
    [Theory]
    [InlineData(AttemptOutcome.Ready, null, true)]
    [InlineData(AttemptOutcome.Refused, "OUT_OF_CAPACITY", true)]
    [InlineData(AttemptOutcome.Timeout, "QUEUE_TIMEOUT", true)]
    [InlineData(AttemptOutcome.Timeout, "BOOT_TIMEOUT", false)]
    [InlineData(AttemptOutcome.Refused, "PROJECT_FORBIDDEN", false)]
    public void Find_AfterAnAttemptInTheCheapPlace_JudgesItsEnd(AttemptOutcome outcome, string? code, bool waits)
    {
        Plan(Cheap, Dear);
        Attempt(1, outcome, code);
        Attempt(2, AttemptOutcome.Skipped, "OUT_OF_CAPACITY");

        Assert.Equal(waits, _patience.Find(Spec, Dear) is not null);
    }

    /// <summary>A run of 23000 s of work keeps 2300 s of its spare time, however little that is.</summary>
    [Theory]
    [InlineData(6000, true)]
    [InlineData(2000, false)]
    public void Find_WithLittleToSpare_KeepsATenthOfTheWorkForLosses(double spare, bool waits)
    {
        _ledger.AppendInPart(
            Spec.RunId, LedgerKinds.Plan, "plan", new RunPlan([Cheap, Dear], 1, 23180)
            {
                OnDemand = [OnDemand],
                Time = new TimeEstimate(180, 20000, 3000, 1e9, 100, 100, 500, "the test's")
                {
                    Source = EstimateSource.Measured,
                },
            });

        // Work, the most of a loss (the translation), two starts, the wait and the margin.
        var until = 23000 + 3000 + 360 + 900 + 380;
        var spec = Spec with { Deadline = Start.AddSeconds(until + spare) };

        Assert.Equal(waits, _patience.Find(spec, Dear) is not null);
    }

    /// <summary>A cheap place without quota will have none in an hour; one without capacity may.</summary>
    [Theory]
    [InlineData("OUT_OF_CAPACITY", 600, true)]
    [InlineData("QUOTA_EXHAUSTED", 86400, false)]
    [InlineData("QUOTA_EXHAUSTED", 600, false)]
    [InlineData("INSTANCE_LIMIT", 3600, false)]
    public void Find_ACheapPlaceThatRefusedAnotherRun_IsWaitedForOnlyIfItLacksCapacity(
        string code, double seconds, bool waits)
    {
        Plan(Cheap, Dear);
        _memory.Remember("team", Cheap, new Refusal(code, RefusalScope.Zone, seconds, "no", "none"));

        Assert.Equal(waits, _patience.Find(Spec, Dear) is not null);
    }

    private void Attempt(int number, AttemptOutcome outcome, string? code) => _ledger.Append(
        Spec.RunId, LedgerKinds.Attempt, $"{number}", new AttemptEnd(
            Spec.RunId, new TpuLease(NodeName.Of("team", Cheap.Zone, $"n{number}"), Cheap, number), outcome,
            code is null ? null : new Refusal(code, RefusalScope.Zone, 0, "no", "none"), 1));

    private void Plan(params Candidate[] places) => Plan(EstimateSource.Measured, [OnDemand], places);

    private void Plan(EstimateSource source, IReadOnlyList<Candidate>? onDemand, params Candidate[] places) =>
        _ledger.AppendInPart(
            Spec.RunId, LedgerKinds.Plan, "plan", new RunPlan(places, 1, 2480)
            {
                OnDemand = onDemand,
                Time = new TimeEstimate(180, 2000, 300, 1e9, 100, 100, 500, "the test's") { Source = source },
            });
}
