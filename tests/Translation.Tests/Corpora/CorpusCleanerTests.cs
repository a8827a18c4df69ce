using Workflows.TestKit;
using Workflows.Translation.Corpora;

namespace Workflows.Translation.Tests.Corpora;

public sealed class CorpusCleanerTests
{
    [Theory]
    [InlineData("", "room", CleaningReason.Empty)]
    [InlineData("방", " \t", CleaningReason.Empty)]
    [InlineData("Wi-Fi", "wi-fi", CleaningReason.IdenticalSides)]
    [InlineData("This is not Korean.", "It should be.", CleaningReason.WrongScript)]
    [InlineData("방이 있나요?", "방이 있어요?", CleaningReason.WrongScript)]
    [InlineData("방이 있나요?", "有房间吗?", CleaningReason.WrongScript)]
    [InlineData("네.", "Yes, I would like to book a room for three nights from the fifth of May, please.",
        CleaningReason.LengthRatio)]
    [InlineData("오월 오일부터 삼박으로 바다가 보이는 방을 두 개 예약하고 싶은데 가능할까요?", "Yes.",
        CleaningReason.LengthRatio)]
    public void Clean_OnePairWithAFault_IsTakenOutForThatReason(string ko, string en, CleaningReason reason)
    {
        var cleaned = CorpusCleaner.Clean([new SentencePair(ko, en)]);

        Assert.Empty(cleaned.Pairs);
        Assert.Equal(1, cleaned.Removed[reason]);
        Assert.Equal([new CleaningSample(reason, new SentencePair(ko, en))], cleaned.Samples);
    }

    [Theory]
    [InlineData("네.", "Yes, sir.")]
    [InlineData("BTS의 USB 케이블", "BTS's USB cable")]
    [InlineData("1,000", "1,000.")]
    [InlineData("카페에서 만나요.", "See you at the café.")]
    public void Clean_GoodPair_Stays(string ko, string en)
    {
        Assert.Equal([new SentencePair(ko, en)], CorpusCleaner.Clean([new SentencePair(ko, en)]).Pairs);
    }

    [Fact]
    public void Clean_Repetitions_AreToldApart()
    {
        SentencePair[] pairs =
        [
            new("방이 있나요?", "Do you have a room?"), new("방이  있나요?", "do you have a room?"),
            new("방이 있나요?", "Is there a room?"), new("방 있어요?", "Do you have a room?"),
        ];

        var korean = CorpusCleaner.Clean(pairs);
        var kept = CorpusCleaner.Clean(pairs, new CleaningOptions { DuplicateSources = DuplicateSourceRule.Keep });
        var either = CorpusCleaner.Clean(
            pairs, new CleaningOptions { DuplicateSources = DuplicateSourceRule.RemoveEither });

        Assert.Equal([pairs[0], pairs[3]], korean.Pairs);
        Assert.Equal(1, korean.Removed[CleaningReason.DuplicatePair]);
        Assert.Equal(1, korean.Removed[CleaningReason.DuplicateSource]);
        Assert.Equal([pairs[0], pairs[2], pairs[3]], kept.Pairs);
        Assert.Equal([pairs[0]], either.Pairs);
    }

    [Fact]
    public void Clean_CleanedCorpus_ChangesNothing()
    {
        var random = new Random(5);
        string[] korean = ["방", " 방", "방이 있나요?", "", "English", "네.", new string('가', 1200)];
        string[] english = ["room", "room ", "Do you have a room?", "", "한국어", "Yes.", new string('a', 900)];
        var pairs = Enumerable.Range(0, 500)
            .Select(_ => new SentencePair(random.GetItems(korean, 1)[0], random.GetItems(english, 1)[0])).ToArray();

        var once = CorpusCleaner.Clean(pairs);
        var twice = CorpusCleaner.Clean(once.Pairs);

        Assert.Equal(once.Pairs, twice.Pairs);
        Assert.Empty(twice.Removed);
        Assert.Equal(pairs.Length, once.Pairs.Count + once.Removed.Values.Sum());
    }

    [Theory]
    [InlineData("korean-english-park.dev", 0.03)]
    [InlineData("jhe-koen-dev", 0.03)]
    public void Clean_RealCorpus_TakesOutLittle(string name, double limit)
    {
        var data = Fixtures.Require("..", "data", "ko-en");
        var corpus = CorpusReader.ReadAligned(Path.Combine(data, name + ".ko"), Path.Combine(data, name + ".en"));

        var cleaned = CorpusCleaner.Clean(corpus.Pairs);

        var lost = 1 - (double)cleaned.Pairs.Count / corpus.Pairs.Count;
        Assert.True(lost <= limit, $"{lost:P1} taken out: {string.Join(", ", cleaned.Removed)}; "
            + string.Join('\n', cleaned.Samples));
    }
}
