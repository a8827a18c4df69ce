using System.Runtime.InteropServices;

namespace Workflows.Translation.Metrics;

/// <summary>chrF and chrF++, equal to sacreBLEU's to the last printed digit.</summary>
/// <remarks>Popović 2015 and 2017; effective order, signature and text of sacreBLEU 2.6.0.</remarks>
public sealed class Chrf : TranslationMetric
{
    private const double Epsilon = 1e-16;

    private readonly ChrfOptions _options;

    /// <summary>Creates chrF with the given settings.</summary>
    /// <param name="options">Settings; null for chrF2.</param>
    /// <exception cref="ArgumentOutOfRangeException">An order or beta is out of range.</exception>
    public Chrf(ChrfOptions? options = null)
    {
        _options = options ?? new ChrfOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.CharacterOrder, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_options.CharacterOrder, 16, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(_options.WordOrder, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_options.WordOrder, 16, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.Beta, 1, nameof(options));
    }

    /// <summary>Creates chrF++: word unigrams and bigrams beside the characters.</summary>
    /// <returns>A metric with <see cref="ChrfOptions.WordOrder"/> 2.</returns>
    public static Chrf PlusPlus() => new(new ChrfOptions { WordOrder = 2 });

    /// <inheritdoc />
    public override string Name => $"chrF{_options.Beta}{new string('+', _options.WordOrder)}";

    // For each order: n-grams of the output, of the reference, and matches.
    internal override int StatisticCount => 3 * Orders;

    private int Orders => _options.CharacterOrder + _options.WordOrder;

    internal override double Score(ReadOnlySpan<double> statistics)
    {
        var factor = (double)_options.Beta * _options.Beta;
        var (score, precisions, recalls) = (0.0, 0.0, 0.0);
        var used = 0;
        for (var i = 0; i < Orders; i++)
        {
            var (output, reference, matches) = (statistics[3 * i], statistics[3 * i + 1], statistics[3 * i + 2]);
            var precision = output > 0 ? matches / output : Epsilon;
            var recall = reference > 0 ? matches / reference : Epsilon;
            var denominator = factor * precision + recall;
            score += denominator > 0 ? (1 + factor) * precision * recall / denominator : Epsilon;
            if (output > 0 && reference > 0)
            {
                precisions += precision;
                recalls += recall;
                used++;
            }
        }

        if (_options.EpsilonSmoothing)
        {
            return 100 * score / Orders;
        }

        if (used == 0 || precisions + recalls == 0)
        {
            return 0;
        }

        precisions /= used;
        recalls /= used;
        return 100 * ((1 + factor) * precisions * recalls / (factor * precisions + recalls));
    }

    internal override MetricScore Describe(double[] statistics, int? referenceCount, Resampling? resampling)
    {
        var score = Score(statistics);
        var signature = $"{Prefix(referenceCount, resampling)}|case:{(_options.Lowercase ? "lc" : "mixed")}"
            + $"|eff:{(_options.EpsilonSmoothing ? "no" : "yes")}|nc:{_options.CharacterOrder}|nw:{_options.WordOrder}"
            + $"|space:{(_options.Whitespace ? "yes" : "no")}|version:{ReferenceVersion}";
        var text = $"{Name} = {PythonText.Fixed(score, 2)}{Average(resampling)}";
        return new MetricScore(Name, score, text, signature);
    }

    private protected override SegmentCounter CreateCounter() => new Counter(this);

    private sealed class Counter(Chrf metric) : SegmentCounter
    {
        private readonly NgramCounter _ngrams = new();
        private readonly SymbolReader _words = new();
        private readonly List<int> _outputCharacters = [];
        private readonly List<int> _outputWords = [];
        private readonly List<int> _referenceCharacters = [];
        private readonly List<int> _referenceWords = [];

        public override void Count(string hypothesis, string[] references, Span<double> statistics)
        {
            Read(hypothesis, _outputCharacters, _outputWords);
            Span<double> candidate = stackalloc double[statistics.Length];
            var best = -1.0;
            foreach (var reference in references)
            {
                Read(reference, _referenceCharacters, _referenceWords);
                candidate.Clear();
                var characters = 3 * metric._options.CharacterOrder;
                Compare(_outputCharacters, _referenceCharacters, candidate[..characters]);
                Compare(_outputWords, _referenceWords, candidate[characters..]);
                // The reference with the best score of its own counts is used, as in the original.
                var score = metric.Score(candidate);
                if (score > best)
                {
                    best = score;
                    candidate.CopyTo(statistics);
                }
            }
        }

        private void Compare(List<int> output, List<int> reference, Span<double> statistics)
        {
            var orders = statistics.Length / 3;
            if (orders == 0)
            {
                return;
            }

            _ngrams.Clear();
            _ngrams.AddReference(CollectionsMarshal.AsSpan(reference), orders);
            _ngrams.Match(CollectionsMarshal.AsSpan(output), orders, statistics[2..], 3);
            for (var n = 0; n < orders; n++)
            {
                var expected = Math.Max(0, reference.Count - n);
                // Output n-grams do not count if the reference is too short to have any.
                statistics[3 * n] = expected > 0 ? Math.Max(0, output.Count - n) : 0;
                statistics[3 * n + 1] = expected;
            }
        }

        private void Read(string text, List<int> characters, List<int> words)
        {
            text = metric._options.Lowercase ? PythonText.Lower(text) : text;
            characters.Clear();
            words.Clear();
            SymbolReader.Characters(text, characters, metric._options.Whitespace);
            if (metric._options.WordOrder > 0)
            {
                _words.PunctuatedWords(text, words);
            }
        }
    }
}
