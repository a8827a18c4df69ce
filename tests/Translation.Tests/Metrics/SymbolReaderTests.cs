using Workflows.Translation.Metrics;

namespace Workflows.Translation.Tests.Metrics;

/// <summary>Words have one number each, however many there are.</summary>
public sealed class SymbolReaderTests
{
    [Fact]
    public void Words_MoreThanTheTableHolds_KeepTheirNumbers()
    {
        var reader = new SymbolReader();
        List<string> words = [.. Enumerable.Range(0, 50_000).Select(number => $"단어{number}"), new('가', 100_000), "a"];
        List<int> first = [], second = [];

        reader.Words(string.Join(' ', words), first);
        reader.Words(string.Join('\t', words), second);

        Assert.Equal(Enumerable.Range(0, words.Count), first);
        Assert.Equal(first, second);
    }

    /// <summary>Words that end or begin alike are different ones, also where one stands behind the other.</summary>
    [Fact]
    public void Words_ThatAreAlike_HaveNumbersOfTheirOwn()
    {
        List<int> symbols = [];

        new SymbolReader().Words("ab a b abc ab c a", symbols);

        Assert.Equal([0, 1, 2, 3, 0, 4, 1], symbols);
    }
}
