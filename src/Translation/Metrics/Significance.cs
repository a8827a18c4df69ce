namespace Workflows.Translation.Metrics;

/// <summary>Resampling tests with sacreBLEU's random numbers, so that a seed gives its p-values.</summary>
/// <remarks>
/// Koehn 2004 (bootstrap), Riezler and Maxwell 2005 (approximate randomization). Segments are counted once; a sample
/// only sums counts.
/// </remarks>
public static class Significance
{
    /// <summary>The default seed of sacreBLEU.</summary>
    public const int DefaultSeed = 12345;

    /// <summary>Computes the variation of one system's score over resampled segments.</summary>
    /// <param name="metric">The metric.</param>
    /// <param name="hypotheses">The outputs, one a segment.</param>
    /// <param name="references">As many references, in the same order.</param>
    /// <param name="samples">Resamples, at least 1.</param>
    /// <param name="seed">Seed of the random numbers.</param>
    /// <returns>The score, with mean and 95 % half-width over the resamples, also in its text and signature.</returns>
    /// <exception cref="ArgumentException">The lists differ in length or are empty.</exception>
    public static ResampledScore Bootstrap(
        TranslationMetric metric, IReadOnlyList<string> hypotheses, IReadOnlyList<string> references,
        int samples = 1000, int seed = DefaultSeed) =>
        Bootstrap(metric, hypotheses, [references], samples, seed);

    /// <summary>Computes the same against several streams of references.</summary>
    /// <param name="metric">The metric.</param>
    /// <param name="hypotheses">The outputs, one a segment.</param>
    /// <param name="references">Streams of references; null if a stream has none for a segment.</param>
    /// <param name="samples">Resamples, at least 1.</param>
    /// <param name="seed">Seed of the random numbers.</param>
    /// <returns>The score, with mean and 95 % half-width over the resamples, also in its text and signature.</returns>
    /// <exception cref="ArgumentException">The lists differ in length or are empty.</exception>
    public static ResampledScore Bootstrap(
        TranslationMetric metric, IReadOnlyList<string> hypotheses,
        IReadOnlyList<IReadOnlyList<string?>> references, int samples = 1000, int seed = DefaultSeed)
    {
        Check(metric, samples, seed);
        var statistics = metric.Collect(hypotheses, references);
        var scores = BootstrapScores(metric, [statistics], samples, seed)[0];
        return Describe(metric, statistics, scores, samples, seed);
    }

    /// <summary>Tests whether two systems differ, by paired bootstrap resampling.</summary>
    /// <param name="metric">The metric.</param>
    /// <param name="baseline">The outputs of the baseline system.</param>
    /// <param name="system">The outputs of the tested system.</param>
    /// <param name="references">As many references, in the same order.</param>
    /// <param name="samples">Resamples, at least 1.</param>
    /// <param name="seed">Seed of the random numbers.</param>
    /// <returns>Both scores with their intervals, the difference and p.</returns>
    /// <exception cref="ArgumentException">The lists differ in length or are empty.</exception>
    /// <remarks>Identical outputs get the smallest possible p; <see cref="PairedComparison.Verdict"/> detects
    /// them.</remarks>
    public static PairedComparison PairedBootstrap(
        TranslationMetric metric, IReadOnlyList<string> baseline, IReadOnlyList<string> system,
        IReadOnlyList<string> references, int samples = 1000, int seed = DefaultSeed) =>
        Paired(PairedTest.Bootstrap, metric, [baseline, system], [references], samples, seed)[0];

    /// <summary>Tests whether two systems differ, by swapping their outputs at random.</summary>
    /// <param name="metric">The metric.</param>
    /// <param name="baseline">The outputs of the baseline system.</param>
    /// <param name="system">The outputs of the tested system.</param>
    /// <param name="references">As many references, in the same order.</param>
    /// <param name="trials">Shufflings, at least 1.</param>
    /// <param name="seed">Seed of the random numbers.</param>
    /// <returns>Both scores without intervals, the difference and p.</returns>
    /// <exception cref="ArgumentException">The lists differ in length or are empty.</exception>
    public static PairedComparison PairedApproximateRandomization(
        TranslationMetric metric, IReadOnlyList<string> baseline, IReadOnlyList<string> system,
        IReadOnlyList<string> references, int trials = 10_000, int seed = DefaultSeed) =>
        Paired(PairedTest.ApproximateRandomization, metric, [baseline, system], [references], trials, seed)[0];

    /// <summary>Compares several systems with the first one, each against all streams of references.</summary>
    /// <param name="test">The test.</param>
    /// <param name="metric">The metric.</param>
    /// <param name="systems">The baseline, then at least one other system.</param>
    /// <param name="references">Streams of references; null if a stream has none for a segment.</param>
    /// <param name="samples">Resamples or shufflings, at least 1.</param>
    /// <param name="seed">Seed of the random numbers.</param>
    /// <returns>One comparison for each system except the first.</returns>
    /// <exception cref="ArgumentException">The lists differ in length or are empty, or one system is alone.</exception>
    public static IReadOnlyList<PairedComparison> Paired(
        PairedTest test, TranslationMetric metric, IReadOnlyList<IReadOnlyList<string>> systems,
        IReadOnlyList<IReadOnlyList<string?>> references, int samples, int seed = DefaultSeed)
    {
        Check(metric, samples, seed);
        ArgumentNullException.ThrowIfNull(systems);
        if (systems.Count < 2)
        {
            throw new ArgumentException("Cannot compare: a baseline and another system are needed.", nameof(systems));
        }

        var statistics = systems.Select(system => metric.Collect(system, references)).ToArray();
        var isIdentical = systems.Select(system => systems[0].SequenceEqual(system, StringComparer.Ordinal)).ToArray();
        return test == PairedTest.Bootstrap
            ? PairedBootstrap(metric, statistics, isIdentical, samples, seed)
            : PairedRandomization(metric, statistics, isIdentical, samples, seed);
    }

    private static PairedComparison[] PairedBootstrap(
        TranslationMetric metric, SegmentStatistics[] statistics, bool[] isIdentical, int samples, int seed)
    {
        var scores = BootstrapScores(metric, statistics, samples, seed);
        var described = statistics.Zip(scores, (counts, mine) => Describe(metric, counts, mine, samples, seed))
            .ToArray();
        var comparisons = new PairedComparison[statistics.Length - 1];
        for (var other = 1; other < statistics.Length; other++)
        {
            var differences = scores[0].Zip(scores[other], (left, right) => Math.Abs(left - right)).ToArray();
            var mean = NumpySum.Mean(differences);
            var real = Math.Abs(described[0].Score.Score - described[other].Score.Score);
            var larger = differences.Count(difference => difference - mean > real);
            comparisons[other - 1] = new PairedComparison(PairedTest.Bootstrap, described[0], described[other],
                (larger + 1.0) / (samples + 1), isIdentical[other]);
        }

        return comparisons;
    }

    private static PairedComparison[] PairedRandomization(
        TranslationMetric metric, SegmentStatistics[] statistics, bool[] isIdentical, int trials, int seed)
    {
        var kind = new Resampling("ar", trials, (ulong)seed, null, 0);
        var described = statistics
            .Select(counts => metric.Describe(counts.Sum(), counts.ReferenceCount, kind))
            .Select(score => new ResampledScore(score, null, null))
            .ToArray();
        var comparisons = new PairedComparison[statistics.Length - 1];
        for (var other = 1; other < statistics.Length; other++)
        {
            var real = Math.Abs(described[0].Score.Score - described[other].Score.Score);
            var larger = CountLarger(metric, statistics[0], statistics[other], real, trials, seed);
            comparisons[other - 1] = new PairedComparison(PairedTest.ApproximateRandomization, described[0],
                described[other], (larger + 1.0) / (trials + 1), isIdentical[other]);
        }

        return comparisons;
    }

    private static int CountLarger(
        TranslationMetric metric, SegmentStatistics left, SegmentStatistics right, double real, int trials, int seed)
    {
        var random = new NumpyRandom((ulong)seed);
        var (one, other) = (new double[left.Width], new double[left.Width]);
        var larger = 0;
        for (var trial = 0; trial < trials; trial++)
        {
            Array.Clear(one);
            Array.Clear(other);
            for (var i = 0; i < left.Segments; i++)
            {
                var isKept = random.NextBoolean();
                (isKept ? left : right).Add(one, i);
                (isKept ? right : left).Add(other, i);
            }

            larger += Math.Abs(metric.Score(one) - metric.Score(other)) > real ? 1 : 0;
        }

        return larger;
    }

    // Every system is scored on the same draws, which makes the test paired.
    private static double[][] BootstrapScores(
        TranslationMetric metric, SegmentStatistics[] systems, int samples, int seed)
    {
        var random = new NumpyRandom((ulong)seed);
        var segments = systems[0].Segments;
        var drawn = new int[segments];
        var sum = new double[systems[0].Width];
        var scores = systems.Select(_ => new double[samples]).ToArray();
        for (var sample = 0; sample < samples; sample++)
        {
            for (var i = 0; i < segments; i++)
            {
                drawn[i] = random.Choice(segments);
            }

            for (var system = 0; system < systems.Length; system++)
            {
                Array.Clear(sum);
                foreach (var segment in drawn)
                {
                    systems[system].Add(sum, segment);
                }

                scores[system][sample] = metric.Score(sum);
            }
        }

        return scores;
    }

    private static ResampledScore Describe(
        TranslationMetric metric, SegmentStatistics statistics, double[] scores, int samples, int seed)
    {
        var sorted = scores.Order().ToArray();
        var mean = NumpySum.Mean(scores);
        var halfWidth = (sorted[samples - samples / 40 - 1] - sorted[samples / 40]) / 2;
        var kind = new Resampling("bs", samples, (ulong)seed, mean, halfWidth);
        var score = metric.Describe(statistics.Sum(), statistics.ReferenceCount, kind);
        return new ResampledScore(score, mean, halfWidth);
    }

    private static void Check(TranslationMetric metric, int samples, int seed)
    {
        ArgumentNullException.ThrowIfNull(metric);
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(seed);
    }
}
