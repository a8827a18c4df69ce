using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Activities.Tests.Deadlines;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Capacity;

/// <summary>A run with ten hours of work, a start of 900 s and an on-demand wait of 60 s.</summary>
public sealed class SpotRiskTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 11, 29, 9, 0, 0, TimeSpan.Zero);

    private static readonly Candidate Spot = new("us-central1-a", "v5litepod-8", ProvisioningMode.Spot, "v", 8, 2);

    private static readonly WorkOutlook Outlook = new(36000, 600, 900, 60, "the test's") { Uncertainty = 0 };

    private readonly TemporaryFolder _folder = new("workflows-risk-");
    private readonly RunLedger _ledger;
    private readonly CapacityMemory _memory;

    public SpotRiskTests()
    {
        var clock = new FakeTimeProvider(Start);
        _ledger = new RunLedger(_folder.Path, clock);
        _memory = new CapacityMemory(_folder.Path, clock);
        _ledger.Append(Spec.RunId, LedgerKinds.Plan, "plan", new RunPlan([Spot], 1, 36900));
    }

    private static RunSpec Spec { get; } = DeadlineRun.Spec with
    {
        Tpu = DeadlineRun.Spec.Tpu with { Move = MoveChoice.Cheaper },
    };

    public void Dispose() => _folder.Dispose();

    /// <summary>Five expected losses of 900 + 960 + 300 s each.</summary>
    [Fact]
    public void GoOverAt_WithTimeToComeBack_IsThatOfTheExpectedLosses() => Assert.Equal(10800, GoOverAt(spare: 5000));

    /// <summary>The way to an on-demand node takes 960 s, and a move back is asked for with two polls to
    /// spare.</summary>
    [Theory]
    [InlineData(991, 10800)]
    [InlineData(989, 0)]
    public void GoOverAt_WithoutTimeToComeBack_WaitsThroughWhatIsLeft(double spare, double expected) =>
        Assert.Equal(expected, GoOverAt(spare));

    [Fact]
    public void GoOverAt_ARunThatDoesNotMove_WaitsThroughAllOfIt()
    {
        Assert.Equal(0, GoOverAt(5000, Spec with { Tpu = Spec.Tpu with { Move = MoveChoice.None } }));
        Assert.Equal(0, SpotRisk.GoOverAt(_ledger, _memory, JobKind.Translate, Spec, Outlook, Start));
    }

    private double GoOverAt(double spare, RunSpec? spec = null)
    {
        var until = Outlook.SearchSpotUntil(Start, Spec.Pace) - Start;
        return SpotRisk.GoOverAt(
            _ledger, _memory, JobKind.Train,
            (spec ?? Spec) with { Deadline = Start.AddSeconds(spare) - until }, Outlook, Start);
    }
}
