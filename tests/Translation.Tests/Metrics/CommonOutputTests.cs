using Workflows.Translation.Metrics;

namespace Workflows.Translation.Tests.Metrics;

public sealed class CommonOutputTests
{
    private static readonly string[] Sources = [.. Enumerable.Range(0, 20).Select(each => $"source {each}")];
    private static readonly string[] References = [.. Enumerable.Range(0, 20).Select(each => $"reference {each}")];

    [Theory]
    [InlineData("yes")]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("\u0000\ud800")]
    public void Of_OneOutputForAll_IsTheOnly(string output)
    {
        var common = CommonOutput.Of(Sources, Outputs(_ => output), References)!;

        Assert.Equal(new CommonOutput(output.Trim(), 20, 20, IsOnly: true, IsFrequent: true), common);
    }

    [Fact]
    public void Of_OutputsThatDifferInSpacesAround_AreOne() => Assert.True(
        CommonOutput.Of(Sources, Outputs(at => at % 2 == 0 ? "yes" : " yes\t"), References)!.IsOnly);

    [Fact]
    public void Of_OutputsThatDifferInCase_AreSeveral() => Assert.False(
        CommonOutput.Of(Sources, Outputs(at => at == 0 ? "Yes" : "yes"), References)!.IsOnly);

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    public void Of_ASingleSource_IsNotOnly(int segments) => Assert.False(CommonOutput.Of(
        [.. Enumerable.Repeat("source", segments)], [.. Enumerable.Repeat("yes", segments)],
        References[..segments])!.IsOnly);

    [Fact]
    public void Of_ASingleReference_IsNotOnly() =>
        Assert.False(CommonOutput.Of(Sources, Outputs(_ => "yes"), Outputs(_ => "reference"))!.IsOnly);

    [Fact]
    public void Of_TwoDifferentSentences_CanBeOnly() =>
        Assert.True(CommonOutput.Of(["a", "b"], ["yes", "yes"], ["c", "d"])!.IsOnly);

    [Theory]
    [InlineData(9, false)]
    [InlineData(10, true)]
    [InlineData(19, true)]
    public void Of_OneOutputForManySentences_IsFrequentFromHalfOfThem(int same, bool isFrequent)
    {
        var common = CommonOutput.Of(Sources, Outputs(at => at < same ? "yes" : $"output {at}"), References)!;

        Assert.Equal(new CommonOutput("yes", same, 20, IsOnly: false, isFrequent), common);
    }

    [Fact]
    public void Of_OneOutputForSentencesOfOneReference_IsNotFrequent() => Assert.False(CommonOutput.Of(
        Sources, Outputs(at => at < 10 ? "yes" : $"output {at}"),
        Outputs(at => at < 10 ? "yes" : $"reference {at}"))!.IsFrequent);

    [Fact]
    public void Of_NineSentences_AreTooFewToBeFrequent() =>
        Assert.False(CommonOutput.Of(Sources[..9], Outputs(_ => "yes")[..9], References[..9])!.IsFrequent);

    [Fact]
    public void Of_NoSentences_IsNone() => Assert.Null(CommonOutput.Of([], [], []));

    [Theory]
    [InlineData(1, 2, 2)]
    [InlineData(2, 1, 2)]
    [InlineData(2, 2, 1)]
    public void Of_ListsOfDifferentLengths_AreRefused(int sources, int outputs, int references) =>
        Assert.Throws<ArgumentException>(
            () => CommonOutput.Of(Sources[..sources], Sources[..outputs], References[..references]));

    private static string[] Outputs(Func<int, string> output) => [.. Enumerable.Range(0, 20).Select(output)];
}
