using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Capacity;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Capacity;

/// <summary>A run of 2480 s with a deadline in 12480 s: 10000 s to spare, of which 2000 are kept for dear
/// places.</summary>
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

    private static RunSpec Spec { get; } = new()
    {
        RunId = new RunId("run"),
        Name = "run",
        Project = "team",
        Direction = RunDirection.KoToEn,
        Model = "/m",
        Data = new DataSpec { Train = "/t" },
        Tpu = new TpuSpec { AcceleratorTypes = ["v5litepod-8"], Fallback = SpotFallback.OnDemand },
        Training = new TrainingSpec { Steps = 100, CheckpointEverySteps = 10 },
        Deadline = Start.AddSeconds(12480),
    };

    public void Dispose() => _folder.Dispose();

    /// <summary>The search for spot ends 4005 s before the deadline: work 2300, a loss 300, two starts 180, a wait 900,
    /// a margin 145. In the 2000 s before that, dear places are asked, too.</summary>
    [Fact]
    public void Find_ADearPlace_IsLeftOutUntilMostOfTheSpareTimeIsUsed()
    {
        Plan(Cheap, Dear);
        var later = _patience.Find(Spec, Dear);

        Assert.Equal((PricePatience.Code, RefusalScope.Zone, 0), (later?.Code, later?.Scope, later?.RememberSeconds));
        Assert.Contains(
            "us-east5-a costs 5.00 USD an hour, us-central1-a 2.00", later?.Reason, StringComparison.Ordinal);
        Assert.Contains($"{Start.AddSeconds(12480 - 4005 - 2000):yyyy-MM-dd HH:mm:ss}Z", later?.Reason,
            StringComparison.Ordinal);

        _clock.Advance(TimeSpan.FromSeconds(12480 - 4005 - 2000 - 1));
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
    }

    [Fact]
    public void Find_BeforeThereIsAPlan_Asks() => Assert.Null(_patience.Find(Spec, Dear));

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
                Time = new TimeEstimate(180, 20000, 3000, 1e9, 100, 100, 500, "guessed"),
            });

        // Work, the most of a loss (the translation), two starts, the wait and the margin.
        var until = 23000 + 3000 + 360 + 900 + 1180;
        var spec = Spec with { Deadline = Start.AddSeconds(until + spare) };

        Assert.Equal(waits, _patience.Find(spec, Dear) is not null);
    }

    /// <summary>A cheap place without quota will have none in an hour; one without capacity may.</summary>
    [Theory]
    [InlineData(600, true)]
    [InlineData(86400, false)]
    public void Find_ACheapPlaceThatRefused_IsWaitedForOnlyIfTheRefusalIsShort(double seconds, bool waits)
    {
        Plan(Cheap, Dear);
        _memory.Remember("team", Cheap, new Refusal("REFUSED", RefusalScope.Zone, seconds, "no", "none"));

        Assert.Equal(waits, _patience.Find(Spec, Dear) is not null);
    }

    private void Plan(params Candidate[] places) => _ledger.AppendInPart(
        Spec.RunId, LedgerKinds.Plan, "plan", new RunPlan(places, 1, 2480)
        {
            OnDemand = [OnDemand],
            Time = new TimeEstimate(180, 2000, 300, 1e9, 100, 100, 500, "guessed"),
        });
}
