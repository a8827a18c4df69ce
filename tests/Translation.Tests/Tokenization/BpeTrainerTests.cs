using Workflows.TestKit;
using Workflows.Translation.Tokenization;

namespace Workflows.Translation.Tests.Tokenization;

public sealed class BpeTrainerTests
{
    [Fact]
    public void Train_SameSentencesTwice_GivesTheSameFile()
    {
        using var folder = new TemporaryFolder();
        var (first, second) = (Path.Combine(folder.Path, "1.json"), Path.Combine(folder.Path, "2.json"));

        BpeTrainer.Train(TinyTokenizer.Sentences).Save(first);
        BpeTrainer.Train([.. TinyTokenizer.Sentences.Reverse()]).Save(second);

        Assert.Equal(File.ReadAllBytes(first), File.ReadAllBytes(second));
    }

    [Fact]
    public void Train_EnoughText_FillsTheVocabularyAndShortensSentences()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "tokenizer.json");
        var trained = BpeTrainer.Train(TinyTokenizer.Sentences,
            new BpeTrainerOptions { VocabularySize = 360, MinimumPairCount = 1, MinimumCharacterCount = 1 });
        trained.Save(path);
        var tokenizer = BpeTokenizer.Load(path);

        Assert.Equal(360, trained.VocabularySize);
        Assert.Equal(360, tokenizer.VocabularySize);
        Assert.True(TinyTokenizer.Sentences.Sum(sentence => tokenizer.Encode(sentence).Length)
            < TinyTokenizer.Sentences.Sum(sentence => sentence.Length));
    }

    [Fact]
    public void Train_ControlTokensAndBytes_HaveGemmasPlaces()
    {
        var tokenizer = TinyTokenizer.Train();

        Assert.Equal((0, 1, 2, 3), (tokenizer.PadId, tokenizer.EosId, tokenizer.BosId, tokenizer.UnkId));
        Assert.True(tokenizer.IsSpecial(tokenizer.StartOfTurnId) && tokenizer.IsSpecial(tokenizer.EndOfTurnId));
        Assert.Single(tokenizer.Encode("\n"));
        Assert.False(tokenizer.IsSpecial(tokenizer.Encode("\n")[0]));
    }

    [Fact]
    public void Train_Merges_NeverCrossWordsOrDigits()
    {
        var tokenizer = TinyTokenizer.Train();

        for (var id = 264; id < tokenizer.VocabularySize; id++)
        {
            Assert.DoesNotContain('▁', tokenizer.TokenOf(id)[1..]);
        }

        Assert.Equal("12 34".Length, tokenizer.Encode("12 34").Length);
    }

    [Fact]
    public void Train_NoSentences_StillEncodesEverythingAsBytes()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "tokenizer.json");
        BpeTrainer.Train([]).Save(path);

        var tokenizer = BpeTokenizer.Load(path);

        Assert.Equal("가 b", tokenizer.Decode(tokenizer.Encode("가 b")));
    }

    [Fact]
    public void Train_VocabularyTooSmall_IsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            BpeTrainer.Train([], new BpeTrainerOptions { VocabularySize = 200 }));
    }
}
