using System.Collections.Concurrent;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Workers;

/// <summary>
/// The loss curve of each run, a JSON line a point. Not forced to disk: after a power cut a few points may be missing,
/// and the steps since the last checkpoint are done again anyway.
/// </summary>
internal sealed class MetricsLog(RunLedger ledger, TimeProvider clock)
{
    private readonly ConcurrentDictionary<RunId, Lock> _locks = new();

    public static string PathOf(RunLedger ledger, RunId runId) =>
        Path.Combine(ledger.DirectoryOf(runId), "metrics.jsonl");

    public void Append(RunId runId, Progress progress)
    {
        var point = new MetricPoint(
            clock.GetUtcNow(), progress.Step, progress.Steps, progress.Loss, progress.LearningRate,
            progress.GradientNorm, progress.Tokens, progress.TokensPerSecond, progress.CheckpointStep);
        lock (_locks.GetOrAdd(runId, _ => new Lock()))
        {
            File.AppendAllText(PathOf(ledger, runId), JsonSerializer.Serialize(point, RunLedger.Json) + "\n");
        }
    }

    /// <summary>Reads the curve; where steps were done twice after a loss, the later time counts.</summary>
    public IReadOnlyList<MetricPoint> Read(RunId runId) => MetricsFile.Read(PathOf(ledger, runId));
}
