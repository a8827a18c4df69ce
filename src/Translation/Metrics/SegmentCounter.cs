namespace Workflows.Translation.Metrics;

/// <summary>Turns one segment into counts; each thread has its own instance, because it reuses its tables.</summary>
internal abstract class SegmentCounter
{
    /// <summary>Fills <paramref name="statistics"/>, which must be zeros.</summary>
    public abstract void Count(string hypothesis, string[] references, Span<double> statistics);
}
