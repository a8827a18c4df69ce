using System.Diagnostics;
using Workflows.Translation.Metrics;

namespace Workflows.Translation.Tests.Metrics;

/// <summary>Far from the speeds that are measured, so that only a change of order fails on a busy machine.</summary>
public sealed class SpeedTests
{
    private const int Segments = 10_000;

    [Theory]
    [InlineData("bleu", 2)]
    [InlineData("bleu-char", 4)]
    [InlineData("chrf", 10)]
    [InlineData("chrf++", 10)]
    [InlineData("bleu, 1,000 resamples of two systems", 10)]
    public void ScoreCorpus_TenThousandSegments_TakesSeconds(string what, int limitSeconds)
    {
        var references = Texts(1);
        var hypotheses = references.Zip(Texts(2), (left, right) => left[..(left.Length / 2)] + right[..40]).ToArray();
        Action measure = what switch
        {
            "bleu" => () => new Bleu().ScoreCorpus(hypotheses, references),
            "bleu-char" => () => new Bleu(new BleuOptions { Tokenizer = BleuTokenizer.Character })
                .ScoreCorpus(hypotheses, references),
            "chrf" => () => new Chrf().ScoreCorpus(hypotheses, references),
            "chrf++" => () => Chrf.PlusPlus().ScoreCorpus(hypotheses, references),
            _ => () => Significance.PairedBootstrap(new Bleu(), hypotheses, references, references),
        };

        var clock = Stopwatch.StartNew();
        measure();
        var first = clock.Elapsed;
        clock.Restart();
        measure();

        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{what}: {first.TotalMilliseconds:F0} ms at first, then {clock.Elapsed.TotalMilliseconds:F0} ms");
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(limitSeconds), $"{what} took {clock.Elapsed}");
    }

    [Fact]
    public void Encode_TenThousandSentences_TakesSeconds()
    {
        var tokenizer = Tokenization.TinyTokenizer.Train();
        var sentences = Texts(3).Concat(Tokenization.TinyTokenizer.Sentences).ToArray();
        tokenizer.Encode(sentences[0]);

        var clock = Stopwatch.StartNew();
        var tokens = sentences.Sum(sentence => (long)tokenizer.Encode(sentence).Length);

        TestContext.Current.TestOutputHelper?.WriteLine($"{tokens / clock.Elapsed.TotalSeconds:N0} tokens a second");
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"{tokens} tokens took {clock.Elapsed}");
    }

    private static string[] Texts(int seed)
    {
        var random = new Random(seed);
        var words = Enumerable.Range(0, 5000).Select(i => $"w{i * 7919 % 100_003}").ToArray();
        return [.. Enumerable.Range(0, Segments).Select(_ => string.Join(' ', random.GetItems(words, 25)) + ".")];
    }
}
