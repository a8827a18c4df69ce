using System.Text.Json;
using Workflows.Activities.Reporting;

namespace Workflows.Activities.Training;

/// <summary>Reads a run's loss curve.</summary>
public static class MetricsFile
{
    /// <summary>Reads the points in the order of their steps; of a step done twice, the later one.</summary>
    /// <param name="path">A file of JSON lines; a missing file has no points.</param>
    /// <returns>The points.</returns>
    public static IReadOnlyList<MetricPoint> Read(string path)
    {
        if (!File.Exists(path))
        {
            return [];
        }

        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        if (!stream.CanSeek || stream.Length == 0)
        {
            // Not a file, but a device or a pipe, whose lines may never end.
            return [];
        }

        using var reader = new StreamReader(stream);
        var byStep = new SortedDictionary<int, MetricPoint>();
        while (reader.ReadLine() is { } line)
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
