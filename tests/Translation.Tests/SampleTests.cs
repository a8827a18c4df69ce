using Workflows.TestKit;
using Workflows.Translation.Corpora;
using Workflows.Translation.Tokenization;

namespace Workflows.Translation.Tests;

/// <summary>What the corpora and the tokenizer in samples/ promise.</summary>
public sealed class SampleTests
{
    private static readonly SentencePair[] Train = Read("ko-en.train.tsv");
    private static readonly SentencePair[] Test = Read("ko-en.test.tsv");
    private static readonly SentencePair[] General = Read("general.tsv");

    [Fact]
    public void Corpora_Sizes_AreThosePromised()
    {
        Assert.Equal(200, Test.Length);
        Assert.True(Train.Length >= 1200, $"{Train.Length} training pairs");
        Assert.True(General.Length >= 6000, $"{General.Length} general pairs");
    }

    [Fact]
    public void Corpora_TestSet_SharesNothingWithWhatIsLearnt()
    {
        var result = LeakageFilter.Remove(Train.Concat(General), Test);

        Assert.Empty(result.Removed);
    }

    [Fact]
    public void Corpora_DomainSentences_AreNotInTheGeneralOnes()
    {
        Assert.Empty(Train.Select(pair => pair.Ko).Intersect(General.Select(pair => pair.Ko)));
        Assert.Empty(Train.Select(pair => pair.En).Intersect(General.Select(pair => pair.En)));
    }

    [Fact]
    public void Corpora_EverySentence_HasOneTranslation()
    {
        var all = Train.Concat(Test).Concat(General).ToArray();

        Assert.Equal(all.Length, all.Select(pair => pair.Ko).Distinct().Count());
        Assert.Equal(all.Length, all.Select(pair => pair.En).Distinct().Count());
    }

    [Fact]
    public void Corpora_Cleaning_TakesOutNothing()
    {
        var cleaned = CorpusCleaner.Clean(Train.Concat(Test).Concat(General));

        Assert.True(cleaned.Removed.Count == 0, string.Join('\n', cleaned.Samples));
    }

    [Fact]
    public void Corpora_Particles_FitTheSoundBeforeThem()
    {
        foreach (var pair in Train.Concat(Test).Concat(General))
        {
            foreach (var word in pair.Ko.TrimEnd('.', '?').Split(' '))
            {
                AssertParticle(word, "를", tail => tail == 0);
                AssertParticle(word, "으로", tail => tail is not 0 and not 8);
                AssertParticle(word, "예요", tail => tail == 0);
                AssertParticle(word, "이에요", tail => tail != 0);
            }
        }
    }

    [Fact]
    public void Corpora_EnglishSentences_BeginAndEndAsSentences()
    {
        Assert.All(Train.Concat(Test).Concat(General), pair =>
        {
            Assert.True(char.IsAsciiLetterUpper(pair.En[0]), pair.En);
            Assert.True(pair.En[^1] is '.' or '?', pair.En);
            Assert.Equal(pair.En[^1] == '?', pair.Ko[^1] == '?');
            Assert.DoesNotContain("  ", pair.En + pair.Ko, StringComparison.Ordinal);
            Assert.DoesNotContain('{', pair.En + pair.Ko);
        });
    }

    [Fact]
    public void Tokenizer_EverySentence_RoundTripsInFewTokens()
    {
        var tokenizer = BpeTokenizer.Load(Sample("tiny-gemma3/tokenizer.json"));
        var tokens = 0;

        foreach (var text in Test.SelectMany(pair => new[] { pair.Ko, pair.En }))
        {
            var ids = tokenizer.EncodeText(text);
            tokens += ids.Length;
            Assert.Equal(text, tokenizer.Decode(ids));
            Assert.DoesNotContain(ids, id => tokenizer.TokenOf(id).StartsWith("<0x", StringComparison.Ordinal));
        }

        Assert.InRange(tokens / (2.0 * Test.Length), 5, 20);
        Assert.InRange(tokenizer.VocabularySize, 2000, 4000);
    }

    private static void AssertParticle(string word, string particle, Func<int, bool> fits)
    {
        if (word.EndsWith(particle, StringComparison.Ordinal) && word.Length > particle.Length
            && word[^(particle.Length + 1)] is >= '가' and <= '힣' and var before)
        {
            Assert.True(fits((before - '가') % 28), word);
        }
    }

    private static SentencePair[] Read(string name) => [.. CorpusReader.Read(Sample(name)).Pairs];

    private static string Sample(string name) => Checkout.PathOf("samples", name);
}
