namespace Workflows.Translation.Metrics;

/// <summary>The most frequent output of a system. A system that gives it to every source does not translate.</summary>
/// <param name="Text">The output, trimmed; empty if the system gave none.</param>
/// <param name="Count">Segments that have it.</param>
/// <param name="Total">Segments in all.</param>
/// <param name="IsOnly">
/// true if all segments have it, and they differ in their sources and in their references: of a single sentence, or of
/// sentences that have one translation, one output is no fault.
/// </param>
/// <param name="IsFrequent">
/// true if it is given for at least half of the different references, of which there are at least ten; both numbers are
/// chosen.
/// </param>
public sealed record CommonOutput(string Text, int Count, int Total, bool IsOnly, bool IsFrequent)
{
    private const int LeastReferences = 10;

    /// <summary>Finds the most frequent output; of equally frequent ones the first.</summary>
    /// <param name="sources">The sources, one a segment.</param>
    /// <param name="outputs">As many outputs, in the same order.</param>
    /// <param name="references">As many references, in the same order.</param>
    /// <returns>The output; null without segments.</returns>
    /// <exception cref="ArgumentException">The lists differ in length.</exception>
    public static CommonOutput? Of(
        IReadOnlyList<string> sources, IReadOnlyList<string> outputs, IReadOnlyList<string> references)
    {
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentNullException.ThrowIfNull(outputs);
        ArgumentNullException.ThrowIfNull(references);
        if (sources.Count != outputs.Count || references.Count != outputs.Count)
        {
            throw new ArgumentException(
                $"Cannot compare {outputs.Count} outputs of {sources.Count} sources with {references.Count} "
                + "references: one of each is needed for a segment.", nameof(outputs));
        }

        if (outputs.Count == 0)
        {
            return null;
        }

        var most = Enumerable.Range(0, outputs.Count)
            .GroupBy(at => outputs[at].Trim(), StringComparer.Ordinal)
            .MaxBy(group => group.Count())!;
        int[] segments = [.. most];
        var covered = Different(references, segments);
        var all = Different(references, Enumerable.Range(0, outputs.Count));
        return new CommonOutput(
            most.Key, segments.Length, outputs.Count,
            segments.Length == outputs.Count && covered > 1 && Different(sources, segments) > 1,
            all >= LeastReferences && 2 * covered >= all);
    }

    private static int Different(IReadOnlyList<string> texts, IEnumerable<int> segments) =>
        segments.Select(at => texts[at].Trim()).Distinct(StringComparer.Ordinal).Count();
}
