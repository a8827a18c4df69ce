using System.Numerics;
using Workflows.TestKit;
using Workflows.Translation.Metrics;

namespace Workflows.Translation.Tests.Metrics;

/// <summary>The metrics against their definitions, over texts of every kind.</summary>
public sealed class SlowReferenceTests
{
    // Composed and decomposed Hangul, full width, emoji, what cannot be seen, marks and numbers.
    private static readonly string[] Words =
    [
        "방", "\u1107\u1161\u11BC", "예약해", "room", "Room", "the", "the", "a", "Ａｂｃ", "👩‍👩‍👧", "🙂", "\u200B", "3.5",
        "1,000", "(a)", "\"b\"", "c-d", "7-8", "e.g.", "&amp;",
        "&lt;b&gt;", "...", "?!", "x\u00A0y", "é", "e\u0301", "-", "''",
    ];

    [Fact]
    public void Bleu_RandomTexts_EqualsItsDefinition() => Seeds.Try(400, random =>
    {
        var (outputs, references) = Texts(random);
        var order = random.Next(1, 6);

        var score = new Bleu(new BleuOptions { MaxOrder = order }).ScoreCorpus(outputs, references);

        Assert.Equal(
            SlowMetrics.Bleu(
                [.. outputs.Select(SlowMetrics.Mteval)],
                [.. references.Select(each => (IReadOnlyList<string[]>)[SlowMetrics.Mteval(each)])], order),
            score.Score, 1e-9);
        Assert.Equal(outputs.Sum(each => SlowMetrics.Mteval(each).Length), score.HypothesisLength);
    });

    [Fact]
    public void Bleu_OfCharactersAgainstSeveralReferences_EqualsItsDefinition() => Seeds.Try(300, random =>
    {
        var (outputs, first) = Texts(random);
        var streams = Enumerable.Range(0, random.Next(1, 4))
            .Select(_ => (IReadOnlyList<string?>)[.. first.Select(each => Varied(random, each))]).ToList();
        var metric = new Bleu(new BleuOptions { Tokenizer = BleuTokenizer.Character, EffectiveOrder = true });

        Assert.Equal(
            SlowMetrics.Bleu(
                [.. outputs.Select(SlowMetrics.Letters)],
                [.. outputs.Select((_, i) => (IReadOnlyList<string[]>)
                    [.. streams.Select(stream => SlowMetrics.Letters(stream[i]!))])],
                4, isEffective: true),
            ((TranslationMetric)metric).ScoreCorpus(outputs, streams).Score, 1e-9);
    });

    [Fact]
    public void Chrf_RandomTexts_EqualsItsDefinition() => Seeds.Try(300, random =>
    {
        var (outputs, references) = Texts(random);
        var options = new ChrfOptions
        {
            CharacterOrder = random.Next(1, 8),
            WordOrder = random.Next(0, 4),
            Beta = random.Next(1, 4),
        };

        Assert.Equal(
            SlowMetrics.Chrf(outputs, references, options.CharacterOrder, options.WordOrder, options.Beta),
            new Chrf(options).ScoreCorpus(outputs, references).Score, 1e-9);
    });

    /// <summary>One segment's chrF is that of a corpus of one: the counts of others do not come in.</summary>
    [Fact]
    public void ScoreSegments_RandomTexts_AreCorporaOfOne() => Seeds.Try(60, random =>
    {
        var (outputs, references) = Texts(random);
        TranslationMetric[] metrics = [new Bleu(new BleuOptions { EffectiveOrder = true }), Chrf.PlusPlus(), new Ter()];

        Assert.All(metrics, metric => Assert.Equal(
            outputs.Zip(references, (output, reference) => metric.ScoreCorpus([output], [reference]).Score),
            metric.ScoreSegments(outputs, references)));
    });

    /// <summary>Moves may only lessen the edits, and each costs one.</summary>
    [Fact]
    public void Ter_RandomTexts_IsBetweenItsBounds() => Seeds.Try(300, random =>
    {
        var (outputs, references) = Texts(random);

        var score = new Ter().ScoreCorpus(outputs, references);

        string[] Split(string text) =>
            text.ToLowerInvariant().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var (least, most) = (0, 0);
        foreach (var (output, reference) in outputs.Zip(references, (left, right) => (Split(left), Split(right))))
        {
            var (mine, theirs) = (output.CountBy(word => word), reference.CountBy(word => word).ToDictionary());
            var shared = mine.Sum(pair => Math.Min(pair.Value, theirs.GetValueOrDefault(pair.Key)));
            least += Math.Max(output.Length, reference.Length) - shared;
            most += SlowMetrics.Edits(output, reference);
        }

        Assert.InRange(score.Edits, least, most);
        Assert.Equal(references.Sum(each => Split(each).Length), score.ReferenceLength);
    });

    /// <summary>A score is of what is read: writing that shows the same in other characters is not the same.</summary>
    [Theory]
    [InlineData("방이 있나요", "\u1107\u1161\u11BC이 있나요")]
    [InlineData("room 12", "ｒｏｏｍ １２")]
    [InlineData("room", "r\u200Boom")]
    public void Chrf_SameLooksInOtherCharacters_IsNoHundred(string reference, string output) =>
        Assert.InRange(new Chrf().ScoreCorpus([output], [reference]).Score, 0, 90);

    /// <summary>White space of every kind separates words and is no character, as in Python.</summary>
    [Theory]
    [InlineData("a b", "a\u3000b")]
    [InlineData("a b", "a\u00A0 \u2028b \u0085")]
    [InlineData("a b", "\u001Ca\u001Fb")]
    public void ScoreCorpus_OtherWhiteSpace_IsASpace(string reference, string output)
    {
        Assert.Equal(100, Chrf.PlusPlus().ScoreCorpus([output], [reference]).Score, 1e-9);
        Assert.Equal(0, new Ter().ScoreCorpus([output], [reference]).Score, 1e-9);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("", "room")]
    [InlineData("room", "")]
    [InlineData("   ", "\u200B")]
    [InlineData("\uD83D", "\uDE42")]
    [InlineData(".", ".")]
    public void ScoreCorpus_HardlyAnyText_IsANumberInEveryMetric(string output, string reference) => Assert.All(
        (TranslationMetric[])[new Bleu(), new Chrf(), Chrf.PlusPlus(), new Ter()], metric =>
        {
            Assert.InRange(metric.ScoreCorpus([output], [reference]).Score, 0, 100);
            var bootstrap = Significance.Bootstrap(metric, [output, "a b"], [reference, "a c"], samples: 20);
            Assert.InRange(bootstrap.HalfWidth!.Value, 0, 100);
            Assert.InRange(bootstrap.Mean!.Value, 0, 100);
        });

    /// <summary>Memory grows with a line's length, and a document on one line comes to an end.</summary>
    [Fact]
    public void ScoreCorpus_DocumentOnOneLine_IsScored()
    {
        var random = new Random(5);
        var line = string.Join(' ', random.GetItems(Words, 60_000));

        Assert.Equal(100, new Bleu().ScoreCorpus([line], [line]).Score, 1e-9);
        Assert.Equal(100, Chrf.PlusPlus().ScoreCorpus([line], [line]).Score, 1e-9);
    }

    /// <summary>A table of many n-grams uses all of its places, or each look would walk through millions.</summary>
    [Theory]
    [InlineData(10)]
    [InlineData(24)]
    [InlineData(28)]
    public void SlotOf_TablesOfEverySize_ReachesTheWholeTable(int bits)
    {
        var slots = Enumerable.Range(0, 4000).Select(key => NgramCounter.SlotOf((ulong)key << 32, bits)).ToList();

        Assert.All(slots, slot => Assert.InRange(slot, 0, (1 << bits) - 1));
        Assert.InRange(slots.Max(), (1 << bits) * 0.9, 1 << bits);
        Assert.InRange(slots.CountBy(slot => slot >> (bits - 4)).Min(pair => pair.Value), 100, 400);
    }

    /// <summary>The test's own resampling: each sample is drawn, put together and scored from its texts.</summary>
    [Fact]
    public void Bootstrap_RandomTexts_EqualsScoringEachSampleAnew() => Seeds.Try(12, random =>
    {
        var (outputs, references) = Texts(random);
        var (samples, seed) = (random.Next(1, 60), random.Next(0, 1000));
        TranslationMetric metric = random.Next(2) == 0 ? new Chrf() : new Bleu();

        var result = Significance.Bootstrap(metric, outputs, references, samples, seed);

        var generator = new SlowPcg(seed);
        var scores = new List<double>();
        for (var sample = 0; sample < samples; sample++)
        {
            var drawn = Enumerable.Range(0, outputs.Length).Select(_ => generator.Below(outputs.Length)).ToList();
            scores.Add(metric.ScoreCorpus(
                [.. drawn.Select(at => outputs[at])], [.. drawn.Select(at => references[at])]).Score);
        }

        scores.Sort();
        Assert.Equal(scores.Average(), result.Mean!.Value, 1e-9);
        Assert.Equal(
            (scores[samples - (samples / 40) - 1] - scores[samples / 40]) / 2, result.HalfWidth!.Value, 1e-9);
    });

    [Fact]
    public void PairedTests_RandomTexts_AreDeterministicAndSymmetric() => Seeds.Try(25, random =>
    {
        var (system, references) = Texts(random);
        string[] baseline = [.. system.Select(each => Varied(random, each))];
        var metric = new Chrf();

        foreach (var test in Enum.GetValues<PairedTest>())
        {
            PairedComparison Compare(string[] left, string[] right) =>
                Significance.Paired(test, metric, [left, right], [references], 50)[0];

            var (forward, again, back) =
                (Compare(baseline, system), Compare(baseline, system), Compare(system, baseline));
            Assert.Equal(forward, again);
            Assert.InRange(forward.PValue, 1.0 / 51, 1);
            Assert.Equal(-forward.Difference, back.Difference);
            Assert.Equal(forward.PValue, back.PValue);
            Assert.Equal(baseline.SequenceEqual(system), forward.IsIdentical);
            Assert.Equal(
                (forward.Verdict(1), back.Verdict(1)) switch
                {
                    (ComparisonVerdict.Better, _) => ComparisonVerdict.Worse,
                    (ComparisonVerdict.Worse, _) => ComparisonVerdict.Better,
                    var (same, _) => same,
                },
                back.Verdict(1));
        }
    });

    private static (string[] Outputs, string[] References) Texts(Random random)
    {
        string[] references = [.. Enumerable.Range(0, random.Next(1, 7))
            .Select(_ => string.Join(' ', random.GetItems(Words, random.Next(0, 14))))];
        return ([.. references.Select(each => Varied(random, each))], references);
    }

    /// <summary>Nearly the same: words changed, taken out, moved and put in.</summary>
    private static string Varied(Random random, string text)
    {
        var words = text.Split(' ').ToList();
        for (var left = random.Next(4); left > 0 && words.Count > 0; left--)
        {
            var at = random.Next(words.Count);
            var word = words[at];
            words.RemoveAt(at);
            if (random.Next(3) > 0)
            {
                words.Insert(
                    random.Next(words.Count + 1), random.Next(2) == 0 ? word : Words[random.Next(Words.Length)]);
            }
        }

        return string.Join(' ', words);
    }

    /// <summary>
    /// numpy's generator written with whole numbers of any size (O'Neill 2014; numpy's SeedSequence).
    /// </summary>
    private sealed class SlowPcg
    {
        private static readonly BigInteger Whole = BigInteger.One << 128;
        private static readonly BigInteger Multiplier = BigInteger.Parse("47026247687942121848144207491837523525");
        private readonly BigInteger _increment;
        private readonly Queue<uint> _halves = new();
        private BigInteger _state;

        public SlowPcg(int seed)
        {
            var words = new ulong[4];
            NumpyRandom.SeedWords((ulong)seed, words);
            _increment = ((((BigInteger)words[2] << 64) + words[3]) * 2 + 1) % Whole;
            _state = (_increment + ((BigInteger)words[0] << 64) + words[1]) % Whole;
            Step();
        }

        /// <summary>Lemire's method: a product whose low half is too small is drawn again.</summary>
        public int Below(int limit)
        {
            while (true)
            {
                var product = (BigInteger)Next() * limit;
                if (product % (BigInteger.One << 32) >= (BigInteger.One << 32) % limit)
                {
                    return (int)(product >> 32);
                }
            }
        }

        private uint Next()
        {
            if (_halves.Count == 0)
            {
                Step();
                var mixed = (ulong)((_state >> 64) ^ (_state & ulong.MaxValue));
                var turned = BitOperations.RotateRight(mixed, (int)(_state >> 122));
                _halves.Enqueue((uint)turned);
                _halves.Enqueue((uint)(turned >> 32));
            }

            return _halves.Dequeue();
        }

        private void Step() => _state = ((_state * Multiplier) + _increment) % Whole;
    }
}
