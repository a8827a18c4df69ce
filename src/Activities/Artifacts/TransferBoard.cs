using System.Collections.Concurrent;
using System.Globalization;
using Workflows.Artifacts;
using Workflows.Orchestrations;

namespace Workflows.Activities.Artifacts;

/// <summary>
/// Shows the progress of each run's transfer. It is kept in memory only, since a restarted transfer reports it again.
/// </summary>
public sealed class TransferBoard
{
    private readonly ConcurrentDictionary<RunId, TreeProgress> _progress = new();

    /// <summary>Records the progress of a run's transfer.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="progress">The progress.</param>
    public void Note(RunId runId, TreeProgress progress) => _progress[runId] = progress;

    /// <summary>Removes a transfer that has ended.</summary>
    /// <param name="runId">The run.</param>
    public void Clear(RunId runId) => _progress.TryRemove(runId, out _);

    /// <summary>Returns the progress of a run's transfer.</summary>
    /// <param name="runId">The run.</param>
    /// <returns>null if none is under way.</returns>
    public TreeProgress? Find(RunId runId) => _progress.GetValueOrDefault(runId);

    /// <summary>Formats a progress for people.</summary>
    /// <param name="progress">The progress.</param>
    /// <returns>A text such as <c>bringing the model: 1.2 of 2.0 GB</c>.</returns>
    public static string TextOf(TreeProgress progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        var what = progress.Step == TreeStep.Hashing ? "reading the model for its hash" : "bringing the model";
        return $"{what}: {SizeOf(progress.Bytes)} of {SizeOf(progress.TotalBytes)}";
    }

    /// <summary>Formats a size for people.</summary>
    /// <param name="bytes">Bytes.</param>
    /// <returns>A text such as <c>2.0 GB</c>.</returns>
    public static string SizeOf(long bytes) => bytes switch
    {
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:0.0} kB"),
        < 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.0} GB"),
    };
}
