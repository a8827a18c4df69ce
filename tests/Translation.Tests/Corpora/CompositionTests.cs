using System.Text.Json;
using Workflows.TestKit;
using Workflows.Translation.Corpora;
using Workflows.Translation.Metrics;

namespace Workflows.Translation.Tests.Corpora;

/// <summary>Hangul as macOS writes it, decomposed, in the formats that no other test gives it in.</summary>
public sealed class CompositionTests : IDisposable
{
    // 한글 값 다 in conjoining letters, with and without a last consonant, and é as two characters.
    private const string Decomposed = "\u1112\u1161\u11AB\u1100\u1173\u11AF \u1100\u1161\u11B9 \u1103\u1161";

    private static readonly SentencePair Composed = new("한글 값 다", "café"), Plain = new("방", "room");

    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("aligned")]
    [InlineData("parquet")]
    [InlineData("mo")]
    [InlineData("mo, big endian")]
    [InlineData("jsonl")]
    [InlineData("jsonl, escaped")]
    public void Read_DecomposedText_IsComposedAndCountedOnce(string format)
    {
        SentencePair[] pairs = [new(Decomposed, "cafe\u0301"), Plain];

        var corpus = CorpusReader.Read(CorpusFiles.Of(Write(format, pairs)));

        Assert.Equal([Composed, Plain], corpus.Pairs);
        Assert.Equal((2, 1), (corpus.RowCount, corpus.ComposedRows));
        Assert.Empty(corpus.BadRows);
    }

    /// <summary>sacreBLEU composes nothing, so that its scores can be repeated.</summary>
    [Fact]
    public void Score_OfDecomposedOutputAgainstComposedReference_IsNearNothing()
    {
        const string Text = "나는 어제 새 책을 한 권 샀습니다";
        var segments = SegmentFile.Read(_folder.Write("ref.txt", $"{Text}\n"));
        var outputs = SegmentFile.Read(_folder.Write("hyp.txt", $"{Decompose(Text)}\n"));

        Assert.NotEqual(segments, outputs);
        Assert.Equal(Text, Composition.Compose(outputs[0]));
        Assert.InRange(new Bleu(new BleuOptions()).ScoreCorpus(outputs, [segments]).Score, 0, 5);
        Assert.Equal(100, new Bleu(new BleuOptions()).ScoreCorpus(segments, [segments]).Score, 6);
    }

    public void Dispose() => _folder.Dispose();

    private string Write(string format, SentencePair[] pairs)
    {
        switch (format)
        {
            case "aligned":
                return $"{_folder.WriteLines("a.ko", pairs.Select(pair => pair.Ko))},"
                    + _folder.WriteLines("a.en", pairs.Select(pair => pair.En));
            case "parquet":
                ParquetShard.Write(_folder["a.parquet"], pairs);
                return _folder["a.parquet"];
            case "jsonl":
                return _folder.WriteLines(
                    "a.jsonl", pairs.Select(pair => $$"""{"ko": "{{pair.Ko}}", "en": "{{pair.En}}"}"""));
            case "jsonl, escaped":
                return _folder.WriteLines("a.jsonl", pairs.Select(
                    pair => JsonSerializer.Serialize(new { ko = pair.Ko, en = pair.En })));
            default:
                return _folder.Write("a.mo", CorpusWriter.Compiled(pairs, isBigEndian: format != "mo"));
        }
    }

    private static string Decompose(string text) => string.Concat(text.Select(letter =>
    {
        var index = letter - '가';
        return letter is < '가' or > '힣' ? $"{letter}"
            : $"{(char)(0x1100 + (index / 588))}{(char)(0x1161 + (index % 588 / 28))}"
                + (index % 28 == 0 ? "" : $"{(char)(0x11A7 + (index % 28))}");
    }));
}
