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
        InParallel(
            (hypotheses.Count + SegmentsPerTask - 1) / SegmentsPerTask,
            (task, counter) =>
            {
                var end = Math.Min(hypotheses.Count, (task + 1) * SegmentsPerTask);
                for (var i = task * SegmentsPerTask; i < end; i++)
                {
                    var mine = Present(references, i);
                    counts[i] = mine.Length;
                    if (mine.Length > 0)
                    {
                        counter.Count(hypotheses[i] ?? "", mine, statistics.Row(i));
                    }
                }
            });
        var isSame = true;
        for (var i = 0; i < counts.Length; i++)
        {
            isSame &= counts[i] == counts[0];
            if (counts[i] == 0)
            {
                throw new ArgumentException($"Cannot score: segment {i + 1} has no reference.", nameof(references));
            }
        }

        statistics.ReferenceCount = isSame ? counts[0] : null;
        return statistics;
    }

    /// <summary>Returns the references of a segment.</summary>
    private static string[] Present(IReadOnlyList<IReadOnlyList<string?>> references, int segment)
    {
        if (references.Count == 1)
        {
            return references[0][segment] is { } one ? [one] : [];
        }

        var present = new List<string>(references.Count);
        foreach (var stream in references)
        {
            if (stream[segment] is { } reference)
            {
                present.Add(reference);
            }
        }

        return [.. present];
    }

    /// <summary>
    /// Does tasks on all processors, each with a counter of its own. <see cref="Parallel"/> with a state for each
    /// thread does the same, and is compiled at each start of a program.
    /// </summary>
    private void InParallel(int tasks, Action<int, SegmentCounter> work)
    {
        var next = -1;
        var others = new Task[Math.Min(tasks, Environment.ProcessorCount) - 1];
        for (var i = 0; i < others.Length; i++)
        {
            others[i] = Task.Run(Work);
        }

        try
        {
            Work();
        }
        finally
        {
            Task.WaitAll(others);
        }

        void Work()
        {
            var counter = CreateCounter();
            for (var task = Interlocked.Increment(ref next); task < tasks; task = Interlocked.Increment(ref next))
            {
                work(task, counter);
            }
        }
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
