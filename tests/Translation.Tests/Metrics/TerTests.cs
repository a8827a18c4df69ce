using Workflows.Translation.Metrics;

namespace Workflows.Translation.Tests.Metrics;

public sealed class TerTests
{
    [Theory]
    [InlineData("a b c d", "a b c d", 0)]
    [InlineData("a b x d", "a b c d", 1)]
    [InlineData("d a b c", "a b c d", 1)]
    [InlineData("c d a b", "a b c d", 1)]
    [InlineData("", "a b c", 3)]
    [InlineData("a b", "", 2)]
    [InlineData("", "", 0)]
    public void ScoreCorpus_SmallEdits_AreCounted(string hypothesis, string reference, long edits)
    {
        Assert.Equal(edits, new Ter().ScoreCorpus([hypothesis], [reference]).Edits);
    }

    [Theory]
    // Figures of sacreBLEU 2.6.0, which tokenizes references twice and outputs once.
    [InlineData("x it's\ufe30 y", "x it's\ufe30 y", 2, 5)]
    [InlineData("x it's y", "x it's y", 0, 4)]
    public void ScoreCorpus_NormalizedReference_IsTokenizedTwice(
        string hypothesis, string reference, long edits, int length)
    {
        var score = new Ter(new TerOptions { Normalized = true, AsianSupport = true })
            .ScoreCorpus([hypothesis], [reference]);

        Assert.Equal((edits, (double)length), (score.Edits, score.ReferenceLength));
    }

    [Theory]
    // What Python's str.lower gives.
    [InlineData("İSTANBUL", "i\u0307stanbul")]
    [InlineData("ΟΔΟΣ ΣΑΣ. ΑΣ.Α Σ", "οδος σας. ασ.α σ")]
    [InlineData("aΣ\u0301 ªΣ ⓐΣb 1Σ", "aς\u0301 ªς ⓐσb 1σ")]
    [InlineData("𐐀ẞΣ", "𐐨ßς")]
    public void Lower_SpecialLetters_AreAsInPython(string text, string expected)
    {
        Assert.Equal(expected, PythonText.Lower(text));
    }

    [Fact]
    public void Count_RandomWords_IsBetweenLengthDifferenceAndPlainDistance()
    {
        var random = new Random(5);
        for (var round = 0; round < 300; round++)
        {
            var output = random.GetItems([1, 2, 3, 4], random.Next(0, 70));
            var reference = random.GetItems([1, 2, 3, 4], random.Next(1, 70));
            var edits = TerEdits.Count(output, reference);
            var plain = new EditMatrix(reference, output.Length).Distance(output);
            Assert.InRange(edits, Math.Abs(output.Length - reference.Length), plain);
        }
    }

    /// <summary>A whole document on one line: its full table would have 2.5 thousand million cells.</summary>
    [Fact]
    public void Count_VeryLongLine_IsMeasured()
    {
        int[] reference = [.. Enumerable.Range(1, 50_000)];
        int[] output = [.. reference[..^1], -1];

        Assert.Equal(1, TerEdits.Count(output, reference));
    }

    [Fact]
    public void Distance_OutputsWithSharedBeginnings_EqualsAFreshMatrix()
    {
        var random = new Random(6);
        var reference = random.GetItems([1, 2, 3], 30);
        var matrix = new EditMatrix(reference, 25);
        var output = random.GetItems([1, 2, 3], 25);
        for (var round = 0; round < 200; round++)
        {
            output[random.Next(25)] = random.Next(1, 4);
            Assert.Equal(new EditMatrix(reference, 25).Distance(output), matrix.Distance(output));
        }
    }

    [Fact]
    public void ScoreCorpus_LengthsFarApart_StillEnds()
    {
        var many = string.Join(' ', Enumerable.Range(0, 400));

        // The band does not reach the word that both have, so one edit more than needed may be counted.
        Assert.InRange(new Ter().ScoreCorpus(["7"], [many]).Edits, 399, 400);
        Assert.InRange(new Ter().ScoreCorpus([many], ["7"]).Edits, 399, 400);
    }

    [Fact]
    public void Verdict_LowerRate_IsBetter()
    {
        var references = Enumerable.Range(0, 60).Select(i => $"segment {i} has quite a few words in it").ToArray();
        var bad = references.Select((line, i) => i % 3 == 0 ? line : "nothing like it at all here").ToArray();

        Assert.Equal(ComparisonVerdict.Better,
            Significance.PairedBootstrap(new Ter(), bad, references, references, 200).Verdict());
        Assert.Equal(ComparisonVerdict.Worse,
            Significance.PairedBootstrap(new Ter(), references, bad, references, 200).Verdict());
    }
}
