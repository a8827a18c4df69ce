using Workflows.Translation.Metrics;

namespace Workflows.Translation.Tests.Metrics;

public sealed class MetricBoundsTests
{
    private static readonly string[] Words =
        ["방", "room", "the", "예약", ",", ".", "3.5", "👍", "é", "book-ing", "취소해", "(a)", "&amp;", "  ", ""];

    public static TheoryData<string> Metrics => ["bleu", "bleu-char", "chrf", "chrf++"];

    [Theory]
    [MemberData(nameof(Metrics))]
    public void ScoreCorpus_RandomTexts_StaysWithinZeroAndHundred(string name)
    {
        var metric = Create(name);
        var random = new Random(7);

        for (var round = 0; round < 300; round++)
        {
            var count = random.Next(1, 6);
            var hypotheses = Texts(random, count);
            var references = Texts(random, count);
            Assert.InRange(metric.ScoreCorpus(hypotheses, references).Score, 0, 100.0000001);
        }
    }

    [Theory]
    [MemberData(nameof(Metrics))]
    public void ScoreCorpus_OutputsEqualReferences_IsAHundred(string name)
    {
        string[] lines = ["a long enough line of words to have all orders", "예약을 취소하고 싶은데 어떻게 하면 되나요?"];

        Assert.Equal(100, Create(name).ScoreCorpus(lines, lines).Score, 1e-9);
    }

    [Theory]
    [MemberData(nameof(Metrics))]
    public void ScoreCorpus_EmptyOutputs_IsZero(string name)
    {
        Assert.Equal(0, Create(name).ScoreCorpus(["", ""], ["some words", "more words"]).Score);
    }

    [Theory]
    [MemberData(nameof(Metrics))]
    public void ScoreCorpus_SegmentsReordered_StaysTheSame(string name)
    {
        var random = new Random(11);
        var hypotheses = Texts(random, 700);
        var references = Texts(random, 700);
        var metric = Create(name);

        var forward = metric.ScoreCorpus(hypotheses, references);
        var backward = metric.ScoreCorpus([.. hypotheses.Reverse()], [.. references.Reverse()]);

        Assert.Equal(forward.Text, backward.Text);
        Assert.Equal(forward.Score, backward.Score);
    }

    [Fact]
    public void ScoreCorpus_ListsOfDifferentLength_AreRefused()
    {
        var error = Assert.Throws<ArgumentException>(() => new Bleu().ScoreCorpus(["a", "b"], ["a"]));

        Assert.Contains("2 outputs", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ScoreCorpus_SegmentWithoutReference_IsRefused()
    {
        TranslationMetric metric = new Chrf();
        IReadOnlyList<IReadOnlyList<string?>> references = [["a", null], ["b", null]];

        var error = Assert.Throws<ArgumentException>(() => metric.ScoreCorpus(["a", "b"], references));

        Assert.Contains("segment 2", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(66.25, 1, "66.2")]
    [InlineData(66.75, 1, "66.8")]
    [InlineData(0.125, 2, "0.12")]
    [InlineData(2.675, 2, "2.67")]
    [InlineData(1.005, 2, "1.00")]
    [InlineData(0.9995, 3, "1.000")]
    [InlineData(99.995, 2, "100.00")]
    public void Fixed_TiesAndNearTies_RoundAsPython(double value, int decimals, string expected)
    {
        Assert.Equal(expected, PythonText.Fixed(value, decimals));
    }

    private static TranslationMetric Create(string name) => name switch
    {
        "bleu" => new Bleu(),
        "bleu-char" => new Bleu(new BleuOptions { Tokenizer = BleuTokenizer.Character }),
        "chrf" => new Chrf(),
        _ => Chrf.PlusPlus(),
    };

    private static string[] Texts(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => string.Join(' ', random.GetItems(Words, random.Next(0, 9))))];
}
