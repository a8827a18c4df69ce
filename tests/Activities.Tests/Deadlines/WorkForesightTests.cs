using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Capacity;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Deadlines;

/// <summary>The work that is left of a run, by its plan, its measurements and the memory of other runs.</summary>
public sealed class WorkForesightTests : IDisposable
{
    private static readonly Candidate OnDemand =
        new("us-west4-a", "v5litepod-8", ProvisioningMode.OnDemand, "v", 8, 10);

    private static readonly RunSpec Spec = DeadlineRun.Spec;

    private readonly TemporaryFolder _folder = new("workflows-foresight-");
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 29, 9, 0, 0, TimeSpan.Zero));
    private readonly RunLedger _ledger;
    private readonly CapacityMemory _memory;
    private readonly WorkForesight _foresight;

    public WorkForesightTests()
    {
        _ledger = new RunLedger(_folder.Path, _clock);
        _memory = new CapacityMemory(_folder.Path, _clock);
        _foresight = new WorkForesight(_ledger, _memory, _clock);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Of_ARunWithoutAPlan_KnowsNothing() => Assert.Null(_foresight.Of(JobKind.Train, Spec));

    [Fact]
    public void Of_ARunBeforeItsFirstStep_IsThePlansEstimate()
    {
        Plan();

        var outlook = _foresight.Of(JobKind.Train, Spec)!;

        // 100 steps of 20 s and an evaluation of 300 s; the wait is the most that a node is given.
        Assert.Equal((2300, 300, 180, 900), (outlook.Work, outlook.Loss, outlook.Start, outlook.OnDemandWait));
        Assert.StartsWith("The rate is the plan's, and the wait the 900 s", outlook.Basis, StringComparison.Ordinal);
        Assert.Equal((300, 300), Parts(_foresight.Of(JobKind.Translate, Spec)));
        Assert.Null(outlook.Uncertainty);
    }

    [Fact]
    public void Of_APlanWhoseRateAnEarlierRunMeasured_IsAsSureAsAMeasurement()
    {
        Plan(EstimateSource.Measured);

        // 1 % of the training, and 5 % of the translation, which nobody has measured.
        Assert.Equal(((2000 * 0.01) + (300 * 0.05)) / 2300, _foresight.Of(JobKind.Train, Spec)!.Uncertainty!.Value, 6);
        Assert.Equal(0.05, _foresight.Of(JobKind.Translate, Spec)!.Uncertainty!.Value, 6);
    }

    /// <summary>A training at twice the plan's time makes the evaluation late, too; a faster one does not.</summary>
    [Theory]
    [InlineData(40, 600)]
    [InlineData(5, 300)]
    public void Of_ATrainingThatIsMeasured_CountsFromItsCheckpointAtItsRate(double stepSeconds, double evaluate)
    {
        Plan();
        Dispatch(JobKind.Train, 1);
        _clock.Advance(TimeSpan.FromSeconds(70));
        Curve(stepSeconds, 1, 25, checkpointEvery: 10);

        var outlook = _foresight.Of(JobKind.Train, Spec)!;

        Assert.Equal((80 * stepSeconds) + evaluate, outlook.Work, 6);
        Assert.Equal(Math.Max(10 * stepSeconds, evaluate), outlook.Loss, 6);
        Assert.Equal(70 + stepSeconds, outlook.Start, 6);
        Assert.StartsWith("The rate is measured", outlook.Basis, StringComparison.Ordinal);
        Assert.Equal(
            ((80 * stepSeconds * 0.01) + (evaluate * 0.05)) / outlook.Work, outlook.Uncertainty!.Value, 6);
    }

    /// <summary>The time between two TPUs belongs to no step, and the rate of the first one holds until the second has
    /// its own.</summary>
    [Fact]
    public void Of_ARunAfterALoss_HasTheRateOfOneTpu()
    {
        Plan();
        Dispatch(JobKind.Train, 1);
        Curve(10, 1, 20, checkpointEvery: 10);
        _clock.Advance(TimeSpan.FromHours(5));
        Dispatch(JobKind.Train, 2);
        Curve(30, 21, 21, checkpointEvery: 10);
        Assert.Equal((80 * 10) + 300, _foresight.Of(JobKind.Train, Spec)!.Work, 6);

        Curve(30, 22, 29, checkpointEvery: 10);
        Assert.Equal((80 * 30) + 450, _foresight.Of(JobKind.Train, Spec)!.Work, 6);
    }

    /// <summary>A rate that was even for long leaves little doubt, also about the next TPU, which has shown
    /// little.</summary>
    [Fact]
    public void Of_ARunAfterALoss_KeepsTheDoubtOfTheTpuBefore()
    {
        Plan();
        Dispatch(JobKind.Train, 1);
        Curve(60, 1, 20, checkpointEvery: 10);
        Assert.Equal(Share(80 * 60, 0.01), _foresight.Of(JobKind.Train, Spec)!.Uncertainty!.Value, 6);

        Curve(60, 21, 40, checkpointEvery: 10);
        Assert.Equal(Share(60 * 60, 0.001), _foresight.Of(JobKind.Train, Spec)!.Uncertainty!.Value, 6);

        Dispatch(JobKind.Train, 2);
        Curve(60, 41, 45, checkpointEvery: 10);
        Assert.Equal(Share(60 * 60, 0.001), _foresight.Of(JobKind.Train, Spec)!.Uncertainty!.Value, 6);

        // The evaluation, three times as long as planned, has 5 % of its own.
        double Share(double train, double doubt) => ((train * doubt) + (900 * 0.05)) / (train + 900);
    }

    /// <summary>A loss costs what the dispatched job leaves between two checkpoints, and before that what the next one
    /// will.</summary>
    [Fact]
    public void Of_ARunThatSavesMoreOften_LosesLess()
    {
        Plan(checkpointSeconds: 330);
        Assert.Equal(16, _foresight.CheckpointEvery(Long));
        Assert.Equal(16 * 20, _foresight.Of(JobKind.Train, Long)!.Loss, 6);

        Dispatch(JobKind.Train, 1, 16);
        Curve(10, 1, 32, checkpointEvery: 16);

        // A measured rate: 33 steps of the next job, and sixteen of the one that works.
        Assert.Equal(33, _foresight.CheckpointEvery(Long));
        Assert.Equal(33 * 10, _foresight.Of(JobKind.Train, Long)!.Loss, 6);
        Assert.Equal(300, _foresight.Of(JobKind.Train, Long, Standing(32))!.Loss, 6);
    }

    /// <summary>A checkpoint counts once it is uploaded: the longest distance to one is what a loss can cost.</summary>
    [Fact]
    public void Of_AWorkerWhoseUploadsAreLate_LosesMore()
    {
        Plan();
        Dispatch(JobKind.Train, 1);
        Curve(40, 1, 25, checkpointEvery: 24);
        Assert.Equal(23 * 40, _foresight.Of(JobKind.Train, Spec, Standing(24))!.Loss, 6);

        _clock.Advance(TimeSpan.FromMinutes(1));
        Dispatch(JobKind.Train, 2);
        Assert.Equal(23 * 40, _foresight.Of(JobKind.Train, Spec)!.Loss, 6);
    }

    [Fact]
    public void Of_ATranslationThatIsMeasured_CountsTheWholeOfIt()
    {
        Plan();
        Dispatch(JobKind.Translate, 1);
        _clock.Advance(TimeSpan.FromSeconds(100));

        var early = _foresight.Of(JobKind.Translate, Spec, new JobStanding(TimeSpan.Zero, 9, 100, 0, null, null));
        var later = _foresight.Of(JobKind.Translate, Spec, new JobStanding(TimeSpan.Zero, 50, 100, 0, null, null));

        Assert.Equal((300, 300), Parts(early));
        Assert.Equal((200, 200), Parts(later));
    }

    [Fact]
    public void Of_WaitsThatAreKnown_TakesTheLongest()
    {
        Plan();
        _memory.RememberWait("team", OnDemand with { Zone = "us-east1-d" }, 250);
        _memory.RememberWait("team", OnDemand, 200);
        _memory.RememberWait("team", OnDemand with { Provisioning = ProvisioningMode.Spot }, 5000);
        _memory.RememberWait("other", OnDemand, 6000);
        Assert.Equal(250, _foresight.Of(JobKind.Train, Spec)!.OnDemandWait);

        Attempt(1, 400, OnDemand);
        Attempt(2, 7000, OnDemand with { Provisioning = ProvisioningMode.Spot });
        var outlook = _foresight.Of(JobKind.Train, Spec)!;

        Assert.Equal(400, outlook.OnDemandWait);
        Assert.EndsWith("and the wait measured.", outlook.Basis, StringComparison.Ordinal);
    }

    /// <summary>A resumed run begins at the checkpoint that it found.</summary>
    [Fact]
    public void Of_AResumedRun_CountsFromWhatItFound()
    {
        Plan();
        _ledger.AppendInPart(Spec.RunId, LedgerKinds.Found, "found", new FoundFact(true, 60, false, false, []));
        Assert.Equal((40 * 20) + 300, _foresight.Of(JobKind.Train, Spec)!.Work);

        _ledger.Append(Spec.RunId, LedgerKinds.Found, "found#2", new FoundFact(true, 60, true, false, []));
        Assert.Equal(300, _foresight.Of(JobKind.Train, Spec)!.Work);
    }

    private static (double Work, double Loss) Parts(WorkOutlook? outlook) => (outlook!.Work, outlook.Loss);

    private static readonly RunSpec Long = Spec with { Training = Spec.Training with { CheckpointEverySteps = 60 } };

    private static JobStanding Standing(int checkpoint) =>
        new(TimeSpan.Zero, checkpoint, 100, checkpoint, null, null);

    private void Plan(EstimateSource? source = null, double? checkpointSeconds = null) => _ledger.AppendInPart(
        Spec.RunId, LedgerKinds.Plan, "plan",
        new RunPlan([OnDemand with { Provisioning = ProvisioningMode.Spot }], 1, 2480)
        {
            OnDemand = [OnDemand],
            Time = new TimeEstimate(180, 2000, 300, 1e9, 100, 100, 500, "guessed")
            {
                Source = source,
                CheckpointSeconds = checkpointSeconds,
            },
        });

    private void Dispatch(JobKind kind, int number, int? checkpointEvery = null)
    {
        var lease = new TpuLease(NodeName.Of("team", "us-west4-a", $"n{number}"), OnDemand, number);
        var data = new PreparedData("t", "t", 1, 1, new Dictionary<string, int>());
        _ledger.Append(
            Spec.RunId, LedgerKinds.Job, $"{kind}@n{number}",
            new DispatchInput(kind, Spec, data, lease, "run", null) { CheckpointEverySteps = checkpointEvery });
    }

    private void Attempt(int number, double seconds, Candidate place) => _ledger.Append(
        Spec.RunId, LedgerKinds.Attempt, $"{number}", new AttemptEnd(
            Spec.RunId, new TpuLease(NodeName.Of("team", place.Zone, $"n{number}"), place, number),
            AttemptOutcome.Ready, null, seconds));

    private void Curve(double stepSeconds, int first, int last, int checkpointEvery)
    {
        for (var step = first; step <= last; step++)
        {
            _clock.Advance(TimeSpan.FromSeconds(stepSeconds));
            var point = new MetricPoint(
                _clock.GetUtcNow(), step, 100, 2, 0.001, 1, step, 1, step / checkpointEvery * checkpointEvery);
            File.AppendAllText(
                Path.Combine(_ledger.DirectoryOf(Spec.RunId), "metrics.jsonl"),
                JsonSerializer.Serialize(point, RunLedger.Json) + "\n");
        }
    }
}
