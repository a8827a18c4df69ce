using Workflows.Translation.Corpora;

namespace Workflows.Translation.Tests.Corpora;

public sealed class SplitAndLeakageTests
{
    [Fact]
    public void Split_ManyPairs_HoldsOutAboutTheShare()
    {
        var pairs = Pairs(4000);

        var split = CorpusSplitter.Split(pairs, 0.1);

        Assert.InRange(split.Test.Count, 340, 460);
        Assert.Equal(pairs, split.Train.Concat(split.Test).OrderBy(pair => pair.En, StringComparer.Ordinal));
    }

    [Fact]
    public void Split_OrderChangedAndRowsAdded_KeepsTestPairsInTheTestSet()
    {
        var pairs = Pairs(2000);

        var before = CorpusSplitter.Split(pairs, 0.1);
        var after = CorpusSplitter.Split([.. Pairs(3000).Reverse()], 0.1);

        Assert.Empty(before.Test.Except(after.Test));
    }

    [Fact]
    public void Split_LimitedTestSet_HasExactlyThatMany()
    {
        Assert.Equal(50, CorpusSplitter.Split(Pairs(2000), 0.5, maxTestPairs: 50).Test.Count);
    }

    [Fact]
    public void Split_OtherSeed_HoldsOutOtherPairs()
    {
        var pairs = Pairs(2000);

        Assert.NotEqual(CorpusSplitter.Split(pairs, seed: 1).Test, CorpusSplitter.Split(pairs, seed: 2).Test);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    public void Split_HardlyAnyPairs_LeavesSomethingToLearnFrom(int count, int expectedTest)
    {
        var split = CorpusSplitter.Split(Pairs(count), 0.01);

        Assert.Equal((count - expectedTest, expectedTest), (split.Train.Count, split.Test.Count));
    }

    [Theory]
    [InlineData("방이 있나요?", "Another sentence.", LeakReason.SameKorean)]
    [InlineData("다른 문장입니다.", "do you have a  room?", LeakReason.SameEnglish)]
    [InlineData("방이 있나요", "Another sentence.", LeakReason.NearDuplicate)]
    [InlineData("방이있나요?", "Another sentence.", LeakReason.NearDuplicate)]
    [InlineData("다른 문장입니다.", "Do you have a room", LeakReason.NearDuplicate)]
    [InlineData("방이 있나요？", "Another sentence.", LeakReason.SameKorean)]
    [InlineData("\u1107\u1161\u11bc이 있나요?", "Another sentence.", LeakReason.SameKorean)]
    public void Remove_PairThatGivesATestPairAway_IsTakenOut(string ko, string en, LeakReason reason)
    {
        SentencePair[] test = [new("방이 있나요?", "Do you have a room?")];
        SentencePair[] train = [new(ko, en), new("열쇠를 잃어버렸어요.", "I lost my key.")];

        var result = LeakageFilter.Remove(train, test);

        Assert.Equal([train[1]], result.Train);
        Assert.Equal(1, Assert.Single(result.Removed).Value);
        Assert.Equal([new LeakSample(reason, train[0])], result.Samples);
    }

    [Fact]
    public void Remove_SidesOfMarksAlone_AreNotNearDuplicates()
    {
        var result = LeakageFilter.Remove([new SentencePair("?!", "what")], [new SentencePair("...", "well")]);

        Assert.Single(result.Train);
    }

    private static SentencePair[] Pairs(int count) =>
        [.. Enumerable.Range(0, count).Select(i => new SentencePair($"{i}번 문장입니다.", $"This is sentence {i:D5}."))];
}
