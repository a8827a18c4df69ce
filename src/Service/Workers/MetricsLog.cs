using System.Collections.Concurrent;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Workers;

/// <summary>
/// Stores the loss curve of each run, one JSON line for each point. It is not flushed to disk: after a power failure a
/// few points may be missing, but the steps since the last checkpoint are repeated anyway.
/// </summary>
internal sealed class MetricsLog(RunLedger ledger, TimeProvider clock)
{
    /// <summary>Bytes after which a curve is not continued; the limits below keep a normal one far from it.</summary>
    internal const long MostBytes = MetricsFile.MostBytes;

    /// <summary>Most points of a training without losses, and a few more.</summary>
    private const int MostPoints = 20_000;

    private readonly ConcurrentDictionary<RunId, Last> _lasts = new();

    /// <summary>Adds a point, unless it adds nothing to the last one.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="progress">The worker's report.</param>
    /// <param name="validation">A measurement that arrived with it, which is never left out; null for none.</param>
    public void Append(RunId runId, Progress progress, ValidationFact? validation = null)
    {
        var point = new MetricPoint(
            clock.GetUtcNow(), progress.Step, progress.Steps, progress.Loss, progress.LearningRate,
            progress.GradientNorm, progress.Tokens, progress.TokensPerSecond, progress.CheckpointStep)
        {
            Validation = validation,
        };
        var last = _lasts.GetOrAdd(runId, _ => new Last());
        lock (last.Lock)
        {
            if (last.Adds(point))
            {
                ledger.State.AppendLine(
                    MetricsFile.NameOf(runId), JsonSerializer.Serialize(point, RunLedger.Json), MostBytes);
                last.Point = point;
            }
        }
    }

    /// <summary>Reads the curve; if steps were repeated after a loss, the later point counts.</summary>
    public IReadOnlyList<MetricPoint> Read(RunId runId) => MetricsFile.Read(ledger, runId);

    /// <summary>Forgets a run whose curve is deleted.</summary>
    public void Forget(RunId runId) => _lasts.TryRemove(runId, out _);

    /// <summary>Chooses points that are spread evenly over a curve, with its first and its last.</summary>
    /// <param name="curve">The curve.</param>
    /// <param name="most">The most points, 2 or more; 0 for all.</param>
    public static IReadOnlyList<MetricPoint> Spread(IReadOnlyList<MetricPoint> curve, int most) =>
        most == 0 || curve.Count <= most
            ? curve
            : [.. Enumerable.Range(0, most).Select(each => curve[(int)((long)each * (curve.Count - 1) / (most - 1))])];

    /// <summary>The point that was written last.</summary>
    private sealed class Last
    {
        public Lock Lock { get; } = new();

        public MetricPoint? Point { get; set; }

        /// <summary>Returns whether a point adds information: it differs enough from the last one.</summary>
        public bool Adds(MetricPoint point) => Point is null
            || point.Step < Point.Step
            || (point.Step != Point.Step && point.Step == point.Steps)
            || point.CheckpointStep != Point.CheckpointStep
            || (point.Validation is not null && point.Validation != Point.Validation)
            || point.Step - Point.Step >= Math.Max(1, point.Steps / MostPoints);
    }
}
