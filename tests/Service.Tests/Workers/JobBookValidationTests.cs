using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.Service.Workers;
using Workflows.TestKit;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Tests.Workers;

/// <summary>Each measurement on the validation pairs becomes one fact and one point of the curve.</summary>
public sealed class JobBookValidationTests : IDisposable
{
    private static readonly RunId Run = new("run-1");
    private static readonly NodeName Node = NodeName.Of("p", "us-west4-a", "wf-run-1-1");

    private readonly TemporaryFolder _folder = new();
    private JobBook _jobs;

    public JobBookValidationTests() => _jobs = new JobBook(Ledger(), Metrics(), TimeProvider.System);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Report_OfMeasurements_LeavesAFactAndAPointOfTheCurveForEach()
    {
        _jobs.Dispatch(Job("chrf"));

        Report(9, 0, 0);
        Report(10, 10, 41.5);
        Report(11, 10, 41.5);
        Report(12, 12, 0);
        // The report of step 20 was lost on the way: the next one brings its measurement.
        Report(21, 20, 43);
        Report(22, 20, 43);

        Assert.Equal(
            [new(10, 41.5, "chrf"), new(12, 0, "chrf"), new ValidationFact(20, 43, "chrf")],
            Ledger().Read<ValidationFact>(Run, LedgerKinds.Validation).Select(fact => fact.Data));
        Assert.Equal(
            [(9, null), (10, 10), (11, null), (12, 12), (21, 20), (22, (int?)null)],
            Metrics().Read(Run).Select(point => (point.Step, point.Validation?.Step)));
        Assert.Equal([41.5, 0, 43], Metrics().Read(Run).Select(point => point.Validation?.Score).OfType<double>());
    }

    [Fact]
    public void Report_OfStepsDoneAgainAfterALossAndARestart_HasEachMeasurementOnce()
    {
        _jobs.Dispatch(Job("loss"));
        Report(10, 10, 2.5);
        Report(15, 10, 2.5);
        Report(20, 20, 2);
        _jobs = new JobBook(Ledger(), Metrics(), TimeProvider.System);

        Report(11, 10, 2.5);
        Report(15, 10, 2.5);
        Report(20, 20, 2);
        Report(30, 30, 1.5);

        Assert.Equal(
            [(10, 2.5), (20, 2.0), (30, 1.5)],
            Metrics().Read(Run).Where(point => point.Validation is not null)
                .Select(point => (point.Validation!.Step, point.Validation.Score)));
        Assert.All(
            Metrics().Read(Run).Where(point => point.Validation is not null),
            point => Assert.Equal(point.Step, point.Validation!.Step));
    }

    /// <summary>Of a long training only some points are kept, but each measurement.</summary>
    [Fact]
    public void Report_OfAMeasurementBetweenKeptPoints_IsKept()
    {
        _jobs.Dispatch(Job("loss"));
        foreach (var step in Enumerable.Range(1, 30))
        {
            Report(step, step >= 17 ? 17 : 0, 2, steps: 1_000_000);
        }

        Assert.Equal([17], Metrics().Read(Run).Select(point => point.Validation?.Step).OfType<int>());
        Assert.InRange(Metrics().Read(Run).Count, 2, 4);
    }

    [Fact]
    public void Report_OfATrainingWithoutAValidation_HasNoMeasurement()
    {
        _jobs.Dispatch(Job(null));

        Report(10, 10, 2.5);

        Assert.Empty(Ledger().Read<ValidationFact>(Run, LedgerKinds.Validation));
        Assert.Null(Assert.Single(Metrics().Read(Run)).Validation);
    }

    private RunLedger Ledger() => new(_folder.Path, TimeProvider.System);

    private MetricsLog Metrics() => new(Ledger(), TimeProvider.System);

    private void Report(int step, int validationStep, double score, int steps = 100) =>
        Assert.Null(_jobs.Report(Run, Node, new Progress
        {
            JobId = "train@wf-run-1-1",
            Step = step,
            Steps = steps,
            Loss = 3,
            TokensPerSecond = 5,
            ValidationStep = validationStep,
            ValidationScore = score,
        }));

    private static DispatchInput Job(string? metric)
    {
        var job = GivenJob.Training(Run, Node);
        return job with
        {
            Spec = job.Spec with
            {
                Training = new TrainingSpec
                {
                    Validation = metric is null ? null : new ValidationSpec { Metric = metric },
                },
            },
        };
    }
}
