namespace Workflows.Translation.Metrics;

/// <summary>Turns one segment into counts; one instance a thread, because it reuses its tables.</summary>
internal abstract class SegmentCounter
{
    /// <summary>Fills <paramref name="statistics"/>, which comes as zeros.</summary>
    public abstract void Count(string hypothesis, string[] references, Span<double> statistics);
}
