namespace Workflows.Translation.Metrics;

/// <summary>Translation edit rate, equal to sacreBLEU's. Lower is better.</summary>
/// <remarks>Snover et al. 2006; signature and text of sacreBLEU 2.6.0.</remarks>
public sealed class Ter : TranslationMetric
{
    private readonly TerOptions _options;

    /// <summary>Creates TER with the given settings.</summary>
    /// <param name="options">Settings; null for the defaults.</param>
    public Ter(TerOptions? options = null) => _options = options ?? new TerOptions();

    /// <inheritdoc />
    public override string Name => "TER";

    // Edits, then the mean length of the references.
    internal override int StatisticCount => 2;

    /// <summary>Scores all outputs together against one reference each.</summary>
    /// <param name="hypotheses">The outputs, one a segment; "" for no output.</param>
    /// <param name="references">As many references, in the same order.</param>
    /// <returns>The score with its counts.</returns>
    /// <exception cref="ArgumentException">The lists differ in length or are empty.</exception>
    public new TerScore ScoreCorpus(IReadOnlyList<string> hypotheses, IReadOnlyList<string> references) =>
        (TerScore)base.ScoreCorpus(hypotheses, references);

    internal override double Score(ReadOnlySpan<double> statistics)
    {
        var (edits, length) = (statistics[0], statistics[1]);
        return 100 * (length > 0 ? edits / length : edits > 0 ? 1 : 0);
    }

    internal override MetricScore Describe(double[] statistics, int? referenceCount, Resampling? resampling)
    {
        var score = Score(statistics);
        var signature = $"{Prefix(referenceCount, resampling)}|case:{(_options.CaseSensitive ? "mixed" : "lc")}"
            + $"|tok:tercom|norm:{Word(_options.Normalized)}|punct:{Word(!_options.NoPunctuation)}"
            + $"|asian:{Word(_options.AsianSupport)}|version:{ReferenceVersion}";
        return new TerScore(score, $"TER = {PythonText.Fixed(score, 2)}{Average(resampling)}", signature,
            (long)statistics[0], statistics[1]);
    }

    private protected override SegmentCounter CreateCounter() => new Counter(_options);

    private static string Word(bool value) => value ? "yes" : "no";

    private sealed class Counter(TerOptions options) : SegmentCounter
    {
        private readonly SymbolReader _symbols = new();

        public override void Count(string hypothesis, string[] references, Span<double> statistics)
        {
            var output = Words(Tokenize(hypothesis));
            var (fewest, length) = (int.MaxValue, 0);
            foreach (var text in references)
            {
                // sacreBLEU's caching of references tokenizes them a second time, which splits a few words further
                // ("it's︰": the mark is split from the word first, and only then is the 's the word's end).
                var once = Tokenize(text);
                var reference = Words(options.Normalized ? Tokenize(once) : once);
                fewest = Math.Min(fewest, TerEdits.Count(output, reference));
                length += reference.Length;
            }

            statistics[0] = fewest;
            statistics[1] = (double)length / references.Length;
        }

        private string Tokenize(string text) => TerTokenization.Tokenize(options, PythonText.TrimEnd(text));

        private int[] Words(string tokenized)
        {
            var words = new List<int>();
            _symbols.Words(tokenized, words);
            return [.. words];
        }
    }
}
