using System.Globalization;
using System.Runtime.InteropServices;
using Workflows.Translation.Metrics.Mecab;

namespace Workflows.Translation.Metrics;

/// <summary>BLEU, equal to sacreBLEU's to the last printed digit.</summary>
/// <remarks>
/// Papineni et al. 2002; smoothing as in Chen and Cherry 2014; signature and text of sacreBLEU 2.6.0. Generic methods
/// of the library over numbers are avoided: a program that is compiled ahead of time compiles them at each start.
/// </remarks>
public sealed class Bleu : TranslationMetric
{
    private readonly BleuOptions _options;
    private readonly double _smoothingValue;
    private readonly MecabKo? _mecab;

    /// <summary>Creates BLEU with the given settings.</summary>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">The order is not within 1 to 16.</exception>
    /// <exception cref="MecabDictionaryException">The dictionary of "ko-mecab" is missing or damaged.</exception>
    public Bleu(BleuOptions? options = null)
    {
        _options = options ?? new BleuOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.MaxOrder, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_options.MaxOrder, 16, nameof(options));
        _smoothingValue = _options.SmoothingValue ?? (_options.Smoothing == BleuSmoothing.AddK ? 1 : 0.1);
        _mecab = _options.Tokenizer == BleuTokenizer.KoreanMecab ? MecabKo.Load(_options.MecabDictionary) : null;
    }

    /// <inheritdoc />
    public override string Name => "BLEU";

    // Lengths of the output and of the closest reference, then matches and totals by order.
    internal override int StatisticCount => 2 + 2 * _options.MaxOrder;

    /// <summary>Scores all outputs together against one reference each.</summary>
    /// <param name="hypotheses">The outputs, one a segment; "" for no output.</param>
    /// <param name="references">As many references, in the same order.</param>
    /// <returns>The score with its counts.</returns>
    /// <exception cref="ArgumentException">The lists differ in length or are empty.</exception>
    public new BleuScore ScoreCorpus(IReadOnlyList<string> hypotheses, IReadOnlyList<string> references) =>
        (BleuScore)base.ScoreCorpus(hypotheses, references);

    internal override double Score(ReadOnlySpan<double> statistics)
    {
        Span<double> work = stackalloc double[statistics.Length];
        Span<double> precisions = stackalloc double[_options.MaxOrder];
        statistics.CopyTo(work);
        return Score(work, precisions, out _);
    }

    internal override MetricScore Describe(double[] statistics, int? referenceCount, Resampling? resampling)
    {
        var order = _options.MaxOrder;
        var precisions = new double[order];
        var score = Score(statistics, precisions, out var penalty);
        var (length, referenceLength) = ((long)statistics[0], (long)statistics[1]);
        var ratio = referenceLength > 0 ? (double)length / referenceLength : 0;
        var percents = new string[order];
        for (var n = 0; n < order; n++)
        {
            percents[n] = PythonText.Fixed(precisions[n], 1);
        }

        var text = $"BLEU = {PythonText.Fixed(score, 2)}{Average(resampling)} " + string.Join('/', percents)
            + $" (BP = {PythonText.Fixed(penalty, 3)} ratio = {PythonText.Fixed(ratio, 3)}"
            + $" hyp_len = {length} ref_len = {referenceLength})";
        return new BleuScore(score, text, Signature(referenceCount, resampling),
            Part(statistics, 2, order), Part(statistics, 2 + order, order), precisions, penalty, length,
            referenceLength);
    }

    private static double[] Part(double[] statistics, int start, int count)
    {
        var part = new double[count];
        Array.Copy(statistics, start, part, 0, count);
        return part;
    }

    private static bool IsZero(ReadOnlySpan<double> values)
    {
        foreach (var value in values)
        {
            if (value != 0)
            {
                return false;
            }
        }

        return true;
    }

    private protected override SegmentCounter CreateCounter() => new Counter(_options, _mecab);

    private string Signature(int? referenceCount, Resampling? resampling)
    {
        var value = _smoothingValue.ToString("F2", CultureInfo.InvariantCulture);
        var smoothing = _options.Smoothing switch
        {
            BleuSmoothing.Exponential => "exp",
            BleuSmoothing.Floor => $"floor[{value}]",
            BleuSmoothing.AddK => $"add-k[{value}]",
            _ => "none",
        };
        return $"{Prefix(referenceCount, resampling)}|case:{(_options.Lowercase ? "lc" : "mixed")}"
            + $"|eff:{(_options.EffectiveOrder ? "yes" : "no")}|tok:{BleuTokenization.Name(_options.Tokenizer)}"
            + $"|smooth:{smoothing}|version:{ReferenceVersion}";
    }

    // Add-k smoothing changes the counts in place, as the reference does, so its printed counts include it.
    private double Score(Span<double> statistics, Span<double> precisions, out double penalty)
    {
        var order = _options.MaxOrder;
        var (length, referenceLength) = (statistics[0], statistics[1]);
        var matches = statistics.Slice(2, order);
        var totals = statistics.Slice(2 + order, order);
        penalty = length >= referenceLength ? 1 : length > 0 ? Math.Exp(1 - referenceLength / length) : 0;
        if (IsZero(matches))
        {
            return 0;
        }

        var used = order;
        var halved = 1.0;
        for (var n = 0; n < order; n++)
        {
            if (_options.Smoothing == BleuSmoothing.AddK && n > 0)
            {
                matches[n] += _smoothingValue;
                totals[n] += _smoothingValue;
            }

            if (totals[n] == 0)
            {
                break;
            }

            used = _options.EffectiveOrder ? n + 1 : used;
            if (matches[n] > 0)
            {
                precisions[n] = 100 * matches[n] / totals[n];
            }
            else if (_options.Smoothing == BleuSmoothing.Exponential)
            {
                halved *= 2;
                precisions[n] = 100 / (halved * totals[n]);
            }
            else if (_options.Smoothing == BleuSmoothing.Floor)
            {
                precisions[n] = 100 * _smoothingValue / totals[n];
            }
        }

        var logarithms = 0.0;
        foreach (var precision in precisions[..used])
        {
            logarithms += precision == 0 ? double.NegativeInfinity : Math.Log(precision);
        }

        return penalty * Math.Exp(logarithms / used);
    }

    private sealed class Counter(BleuOptions options, MecabKo? mecab) : SegmentCounter
    {
        private readonly NgramCounter _ngrams = new();
        private readonly SymbolReader _symbols = new();
        private readonly List<int> _output = [];
        private readonly List<int> _reference = [];

        public override void Count(string hypothesis, string[] references, Span<double> statistics)
        {
            _ngrams.Clear();
            Read(hypothesis, _output);
            var length = _output.Count;
            var closest = -1;
            foreach (var reference in references)
            {
                Read(reference, _reference);
                _ngrams.AddReference(CollectionsMarshal.AsSpan(_reference), options.MaxOrder);
                var (distance, best) = (Math.Abs(_reference.Count - length), Math.Abs(closest - length));
                if (closest < 0 || distance < best || (distance == best && _reference.Count < closest))
                {
                    closest = _reference.Count;
                }
            }

            statistics[0] = length;
            statistics[1] = closest;
            _ngrams.Match(CollectionsMarshal.AsSpan(_output), options.MaxOrder, statistics[2..], 1);
            for (var n = 0; n < options.MaxOrder; n++)
            {
                statistics[2 + options.MaxOrder + n] = Math.Max(0, length - n);
            }
        }

        private void Read(string text, List<int> line)
        {
            text = PythonText.TrimEnd(options.Lowercase ? PythonText.Lower(text) : text);
            line.Clear();
            if (mecab is not null)
            {
                _symbols.Words(mecab.Tokenize(text), line);
            }
            else
            {
                BleuTokenization.Read(options.Tokenizer, text, _symbols, line);
            }
        }
    }
}
