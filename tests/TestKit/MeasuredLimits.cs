using System.Globalization;

namespace Workflows.TestKit;

/// <summary>The limits of a measurement, and the exit code of the program that measures.</summary>
/// <param name="isReportOnly">true on a machine that others use, too: limits are printed, and never fail.</param>
public sealed class MeasuredLimits(bool isReportOnly)
{
    /// <summary>The option of the programs that measure.</summary>
    public const string ReportOnly = "--report-only";

    /// <summary>The exit code for a missed limit; 1 is that of a program that could not measure.</summary>
    public const int Missed = 3;

    private readonly List<string> _missed = [];
    private int _count;

    /// <summary>Reads the option of a program's arguments.</summary>
    /// <param name="arguments">The arguments.</param>
    /// <param name="others">The same arguments without it.</param>
    public static MeasuredLimits Of(IReadOnlyCollection<string> arguments, out string[] others)
    {
        others = [.. arguments.Where(each => each != ReportOnly)];
        return new MeasuredLimits(others.Length < arguments.Count);
    }

    /// <summary>Notes a figure that must reach a limit.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">The figure.</param>
    /// <param name="limit">The least value that is good.</param>
    public void AtLeast(string name, double value, double limit) =>
        Note(name, value, value >= limit, "at least", limit);

    /// <summary>Notes a figure that must stay below a limit.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">The figure.</param>
    /// <param name="limit">The least value that is too much.</param>
    public void Below(string name, double value, double limit) => Note(name, value, value < limit, "below", limit);

    /// <summary>Writes the limits that were missed.</summary>
    /// <param name="output">Receives a line for each.</param>
    /// <returns>The exit code.</returns>
    public int Finish(TextWriter output)
    {
        foreach (var line in _missed)
        {
            output.WriteLine($"MISSED   {line}");
        }

        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{_count - _missed.Count} of {_count} limits are kept."));
        return _missed.Count > 0 && !isReportOnly ? Missed : 0;
    }

    // A figure that is no number is below nothing and reaches nothing.
    private void Note(string name, double value, bool isKept, string how, double limit)
    {
        _count++;
        if (!isKept)
        {
            _missed.Add(string.Create(CultureInfo.InvariantCulture, $"{name}: {value:0.###}, {how} {limit:0.###}"));
        }
    }
}
