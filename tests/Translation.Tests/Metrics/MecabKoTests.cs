using Workflows.TestKit;
using Workflows.Translation.Metrics;
using Workflows.Translation.Metrics.Mecab;

namespace Workflows.Translation.Tests.Metrics;

public sealed class MecabKoTests
{
    [Fact]
    public void Tokenize_EveryReferenceLine_EqualsTheReference()
    {
        var mecab = MecabKo.Load(MecabDictionary.Require());
        var reference = Fixtures.Json("sacrebleu", "tokenizers.json");
        var failures = new List<string>();
        foreach (var (line, expected) in reference.GetProperty("lines").EnumerateArray()
            .Zip(reference.GetProperty("tokenized").GetProperty("ko-mecab").EnumerateArray()))
        {
            var actual = mecab.Tokenize(PythonText.TrimEnd(line.GetString()!));
            if (actual != expected.GetString())
            {
                failures.Add($"expected '{expected.GetString()}'\n     got '{actual}'");
            }
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures.Take(10)) + $"\n{failures.Count} differences");
    }

    [Theory]
    [InlineData("")]
    [InlineData("\u3000 \u2003")]
    [InlineData("\uffff\ud800 \0 a")]
    public void Tokenize_OddLines_KeepAllButWhiteSpace(string line)
    {
        var tokens = MecabKo.Load(MecabDictionary.Require()).Tokenize(line);

        Assert.Equal(
            PythonText.Collapse(line).Replace(" ", "", StringComparison.Ordinal).Replace('\ud800', '\ufffd'),
            PythonText.Collapse(tokens).Replace(" ", "", StringComparison.Ordinal));
    }

    [Fact]
    public void Tokenize_RandomLines_KeepsEveryLetter()
    {
        var mecab = MecabKo.Load(MecabDictionary.Require());
        var random = new Random(4);
        string[] pieces = ["가", "예약", "은", " ", "x", "3.5", "漢", "👍", "ㅋㅋ", "é", "、", "-", "\t", "を"];
        for (var round = 0; round < 300; round++)
        {
            var line = string.Concat(random.GetItems(pieces, random.Next(0, 40)));
            Assert.Equal(Letters(line), Letters(mecab.Tokenize(line)));
        }

        static string Letters(string text) => string.Concat(text.Where(value => !PythonText.IsSpace(value)));
    }

    [Fact]
    public void Load_FolderWithoutDictionary_NamesTheFileAndWhatItNeeds()
    {
        using var folder = new TemporaryFolder();

        var error = Assert.Throws<MecabDictionaryException>(() => new Bleu(
            new BleuOptions { Tokenizer = BleuTokenizer.KoreanMecab, MecabDictionary = folder.Path }));

        Assert.Equal(Path.Combine(folder.Path, "sys.dic"), error.Path);
        Assert.Contains("compiled mecab-ko-dic", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(72)]
    [InlineData(5000)]
    public void Load_DamagedFile_IsRefused(int bytes)
    {
        using var folder = new TemporaryFolder();
        folder.Write("sys.dic", new byte[bytes]);

        var error = Assert.Throws<MecabDictionaryException>(() => MecabKo.Load(folder.Path));

        Assert.Contains("damaged", error.Message, StringComparison.Ordinal);
    }
}
