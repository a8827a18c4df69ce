using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Activities.Storage;
using Workflows.Orchestrations;

namespace Workflows.Activities.Training;

/// <summary>Reads a run's loss curve.</summary>
public static class MetricsFile
{
    /// <summary>Bytes of a curve from which on nothing is appended.</summary>
    public const long MostBytes = 32L << 20;

    /// <summary>Returns the name of a run's curve in the store.</summary>
    /// <param name="runId">The run.</param>
    /// <returns>The name.</returns>
    public static string NameOf(RunId runId) => RunLedger.NameOf(runId, "metrics.jsonl");

    /// <summary>Reads the points of a run in the order of their steps; of a step done twice, the later one.</summary>
    /// <param name="ledger">The ledger, in whose store the curve is.</param>
    /// <param name="runId">The run.</param>
    /// <returns>The points; none for an unknown run.</returns>
    public static IReadOnlyList<MetricPoint> Read(RunLedger ledger, RunId runId)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        return Read(ledger.State.ReadLines(NameOf(runId)));
    }

    /// <summary>Reads the points in the order of their steps; of a step done twice, the later one.</summary>
    /// <param name="path">A file of JSON lines; a missing file has no points.</param>
    /// <returns>The points.</returns>
    public static IReadOnlyList<MetricPoint> Read(string path) => Read(FolderState.LinesOf(path));

    /// <summary>Gives a run a copy of the curve of another one; goes on where an earlier call was
    /// interrupted.</summary>
    /// <param name="ledger">The ledger, in whose store the curves are.</param>
    /// <param name="from">The run that has a curve, to which nothing is appended meanwhile.</param>
    /// <param name="to">The run without a curve of its own.</param>
    internal static void Copy(RunLedger ledger, RunId from, RunId to)
    {
        var copied = ledger.State.ReadLines(NameOf(to)).Count();
        foreach (var line in ledger.State.ReadLines(NameOf(from)).Skip(copied).ToList())
        {
            ledger.State.AppendLine(NameOf(to), line, MostBytes);
        }
    }

    private static IReadOnlyList<MetricPoint> Read(IEnumerable<string> lines)
    {
        var byStep = new SortedDictionary<int, MetricPoint>();
        foreach (var line in lines)
        {
            if (Parse(line) is { } point)
            {
                // A step that is done again after a loss is not always measured again.
                byStep[point.Step] = point.Validation is null && byStep.TryGetValue(point.Step, out var before)
                    ? point with { Validation = before.Validation }
                    : point;
            }
        }

        return [.. byStep.Values];
    }

    private static MetricPoint? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize<MetricPoint>(line, RunLedger.Json);
        }
        catch (JsonException)
        {
            // A crash can leave an incomplete last line; losing one point of the curve does no harm.
            return null;
        }
    }
}
