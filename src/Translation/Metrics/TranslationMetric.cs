using System.Globalization;

namespace Workflows.Translation.Metrics;

/// <summary>
/// A corpus score that is a function of counts summed over segments, equal to sacreBLEU's. Immutable and thread-safe.
/// </summary>
public abstract class TranslationMetric
{
    /// <summary>The version of sacreBLEU to which scores and signatures are equal.</summary>
    public const string ReferenceVersion = "2.6.0";

    private const int SegmentsPerTask = 256;

    private protected TranslationMetric()
    {
    }

    /// <summary>"BLEU", "chrF2", "chrF2++" and so on.</summary>
    public abstract string Name { get; }

    /// <summary>Number of counts for each segment.</summary>
    internal abstract int StatisticCount { get; }

    /// <summary>Scores all outputs together against one reference each.</summary>
    /// <param name="hypotheses">The outputs, one a segment; "" for no output.</param>
    /// <param name="references">As many references, in the same order.</param>
    /// <returns>The score.</returns>
    /// <exception cref="ArgumentException">The lists differ in length or are empty.</exception>
    public MetricScore ScoreCorpus(IReadOnlyList<string> hypotheses, IReadOnlyList<string> references) =>
        ScoreCorpus(hypotheses, [references]);

    /// <summary>Scores all outputs together against several references.</summary>
    /// <param name="hypotheses">The outputs, one a segment; "" for no output.</param>
    /// <param name="references">
    /// Streams of references, each as long as the outputs; null if a stream has none for a segment.
    /// </param>
    /// <returns>The score.</returns>
    /// <exception cref="ArgumentException">The lists differ in length, or a segment has no reference.</exception>
    public MetricScore ScoreCorpus(
        IReadOnlyList<string> hypotheses, IReadOnlyList<IReadOnlyList<string?>> references)
    {
        var statistics = Collect(hypotheses, references);
        return Describe(statistics.Sum(), statistics.ReferenceCount, null);
    }

    /// <summary>Scores one output.</summary>
    /// <param name="hypothesis">The output; "" for no output.</param>
    /// <param name="references">One or more references.</param>
    /// <returns>The score.</returns>
    /// <remarks>For BLEU use <see cref="BleuOptions.EffectiveOrder"/>, otherwise short sentences score 0.</remarks>
    public MetricScore ScoreSentence(string hypothesis, params IReadOnlyList<string> references) =>
        ScoreCorpus([hypothesis], [.. references.Select(reference => (IReadOnlyList<string?>)[reference])]);

    /// <summary>Scores each output by itself.</summary>
    /// <param name="hypotheses">The outputs, one a segment; "" for no output.</param>
    /// <param name="references">As many references, in the same order.</param>
    /// <returns>One score, 0 to 100, for each segment.</returns>
    /// <exception cref="ArgumentException">The lists differ in length or are empty.</exception>
    public IReadOnlyList<double> ScoreSegments(IReadOnlyList<string> hypotheses, IReadOnlyList<string> references)
    {
        var statistics = Collect(hypotheses, [references]);
        var scores = new double[hypotheses.Count];
        for (var i = 0; i < scores.Length; i++)
        {
            scores[i] = Score(statistics.Row(i));
        }

        return scores;
    }

    internal abstract double Score(ReadOnlySpan<double> statistics);

    internal abstract MetricScore Describe(double[] statistics, int? referenceCount, Resampling? resampling);

    internal SegmentStatistics Collect(
        IReadOnlyList<string> hypotheses, IReadOnlyList<IReadOnlyList<string?>> references)
    {
        ArgumentNullException.ThrowIfNull(hypotheses);
        ArgumentNullException.ThrowIfNull(references);
        if (hypotheses.Count == 0 || references.Count == 0)
        {
            throw new ArgumentException("Cannot score: there are no outputs or no references.", nameof(hypotheses));
        }

        foreach (var stream in references.Where(stream => stream.Count != hypotheses.Count))
        {
            throw new ArgumentException(
                $"Cannot score {hypotheses.Count} outputs against a stream of {stream.Count} references: "
                + "one a segment is needed.",
                nameof(references));
        }

        var statistics = new SegmentStatistics(hypotheses.Count, StatisticCount);
        var counts = new int[hypotheses.Count];
        var tasks = (hypotheses.Count + SegmentsPerTask - 1) / SegmentsPerTask;
        Parallel.For(0, tasks, CreateCounter, (task, _, counter) =>
        {
            var end = Math.Min(hypotheses.Count, (task + 1) * SegmentsPerTask);
            for (var i = task * SegmentsPerTask; i < end; i++)
            {
                string[] mine = [.. references.Select(stream => stream[i]).OfType<string>()];
                counts[i] = mine.Length;
                if (mine.Length > 0)
                {
                    counter.Count(hypotheses[i] ?? "", mine, statistics.Row(i));
                }
            }

            return counter;
        }, _ => { });

        if (Array.IndexOf(counts, 0) is >= 0 and var missing)
        {
            throw new ArgumentException($"Cannot score: segment {missing + 1} has no reference.", nameof(references));
        }

        statistics.ReferenceCount = counts.All(count => count == counts[0]) ? counts[0] : null;
        return statistics;
    }

    private protected abstract SegmentCounter CreateCounter();

    private protected static string Prefix(int? referenceCount, Resampling? resampling)
    {
        var references = referenceCount?.ToString(CultureInfo.InvariantCulture) ?? "var";
        return resampling is null
            ? $"nrefs:{references}"
            : $"nrefs:{references}|{resampling.Kind}:{resampling.Samples}|seed:{resampling.Seed}";
    }

    private protected static string Average(Resampling? resampling) => resampling?.Mean is not { } mean
        ? ""
        : $" (μ = {PythonText.Fixed(mean, 2)} ± {PythonText.Fixed(resampling.HalfWidth, 2)})";
}
