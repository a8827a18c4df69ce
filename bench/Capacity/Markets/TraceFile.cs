using System.Globalization;

namespace Workflows.Capacity.Bench.Markets;

/// <summary>
/// Reads measured traces: CSV with the header <c>set,zone,kind,gap_seconds,points,runs</c>, one zone a line, whose runs
/// are run-length coded: <c>1x120 0x3</c> is 120 points with capacity, then 3 without.
/// </summary>
internal static class TraceFile
{
    /// <summary>The header line.</summary>
    public const string Header = "set,zone,kind,gap_seconds,points,runs";

    private const int MostPoints = 10_000_000;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The zones in their order; at least one.</returns>
    /// <exception cref="TraceException">A line cannot be used; the message has its number and the fix.</exception>
    public static IReadOnlyList<SpotTrace> Read(string path)
    {
        var traces = new List<SpotTrace>();
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            if (number == 1)
            {
                Require(line == Header, number, $"the header is '{Shown(line)}'", $"write '{Header}'");
            }
            else if (line.Length > 0)
            {
                var trace = Parse(line, number);
                Require(
                    traces.TrueForAll(each => each.Zone != trace.Zone), number,
                    $"zone '{Shown(trace.Zone)}' is there twice", "leave one of the two lines out");
                traces.Add(trace);
            }
        }

        Require(traces.Count > 0, Math.Max(1, number), "the file has no zones", "add a line for each zone");
        return traces;
    }

    private static SpotTrace Parse(string line, int number)
    {
        var fields = line.Split(',');
        Require(fields.Length == 6, number, $"it has {fields.Length} fields", $"write six: {Header}");
        Require(fields[1].Length > 0, number, "zone is empty", "name the zone");
        Require(
            double.TryParse(fields[3], NumberStyles.Float, CultureInfo.InvariantCulture, out var gap)
                && gap is > 0 and <= 86400,
            number, $"gap_seconds is '{Shown(fields[3])}'", "write a number above 0, at most 86400");
        Require(
            int.TryParse(fields[4], NumberStyles.None, CultureInfo.InvariantCulture, out var count)
                && count is > 0 and <= MostPoints,
            number, $"points is '{Shown(fields[4])}'", $"write a whole number from 1 to {MostPoints}");
        var points = new List<bool>(count);
        foreach (var run in fields[5].Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = run.Split('x');
            Require(
                parts is ["0" or "1", _]
                    && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var length)
                    && length > 0 && length <= count - points.Count,
                number, $"the run '{Shown(run)}' is wrong, or has more points than the line",
                "write runs as 1x120 or 0x3 whose lengths add up to points");
            points.AddRange(Enumerable.Repeat(parts[0] == "1", int.Parse(parts[1], CultureInfo.InvariantCulture)));
        }

        Require(
            points.Count == count, number, $"its runs have {points.Count} points, and the line says {count}",
            "correct points, or restore the file");
        return new SpotTrace(fields[1], gap, points);
    }

    private static void Require(
        [System.Diagnostics.CodeAnalysis.DoesNotReturnIf(false)] bool isRight, int line, string problem, string fix)
    {
        if (!isRight)
        {
            throw new TraceException($"Line {line}: {problem}; {fix}.");
        }
    }

    private static string Shown(string text) => text.Length <= 60 ? text : text[..60] + "...";
}

/// <summary>A file of traces cannot be used.</summary>
/// <param name="message">The line, the problem and the fix.</param>
internal sealed class TraceException(string message) : Exception(message);
