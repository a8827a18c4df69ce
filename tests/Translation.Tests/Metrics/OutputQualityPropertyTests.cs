using Workflows.TestKit;
using Workflows.Translation.Metrics;

namespace Workflows.Translation.Tests.Metrics;

/// <summary>Which outputs are degenerate, over texts of every kind.</summary>
public sealed class OutputQualityPropertyTests
{
    private const string Source = "내일 아침 아홉 시에 역 앞에서 만나요.";

    [Theory]
    [InlineData("\u200B\u200B", OutputFault.Empty)]
    [InlineData("\uFEFF", OutputFault.Empty)]
    [InlineData("\u3164", OutputFault.Empty)]
    [InlineData("\0", OutputFault.Empty)]
    [InlineData("내일　아침 아홉시에 역 앞에서 만나요", OutputFault.CopiedSource)]
    [InlineData("\u1102\u1162일 아침 아홉 시에 역 앞에서 만나요.", OutputFault.CopiedSource)]
    [InlineData("I will I will I will I will go", OutputFault.Repeated)]
    [InlineData("hahahahahahahahahahaha", OutputFault.Repeated)]
    [InlineData("🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂", OutputFault.Repeated)]
    [InlineData("明日の朝九時に駅前で会いましょう。", OutputFault.WrongScript)]
    [InlineData("Встретимся завтра утром.", OutputFault.WrongScript)]
    [InlineData("Let's meet \uFFFD\uFFFD at nine.", OutputFault.BrokenCharacters)]
    public void Inspect_OutputOfAKind_HasThatFault(string output, OutputFault fault)
    {
        var report = OutputQuality.Inspect([Source], [output], TranslationDirection.KoToEn);

        Assert.Equal((1, 1), (report.Degenerate, report.Faults[fault]));
        Assert.Contains(report.Samples, sample => sample.Fault == fault && sample.Output == output);
    }

    [Theory]
    [InlineData("Let's meet in front of the station at nine tomorrow morning.")]
    [InlineData("Ｌｅｔ'ｓ ｍｅｅｔ at nine.")]
    [InlineData("No, no, no! 🙂")]
    [InlineData("Let's meet at 서울역 station, Mr. 김, at nine.")]
    public void Inspect_Translation_HasNoFault(string output) => Assert.Equal(
        0, OutputQuality.Inspect([Source], [output], TranslationDirection.KoToEn).Degenerate);

    /// <summary>Counts are of outputs, samples are the first few, and nothing depends on the neighbours.</summary>
    [Fact]
    public void Inspect_RandomOutputs_CountsEachByItself() => Seeds.Try(150, random =>
    {
        var count = random.Next(1, 20);
        string[] kinds =
        [
            "", " \u200B", Source, "A good translation of it.", "haha haha haha haha haha", "\uFFFD", "방을 예약했어요.",
            new string('x', 3000), "Ωμέγα", AnyText.Line(random),
        ];
        var (sources, outputs) = (random.GetItems([Source, "네.", "ㅋㅋㅋㅋ\uFFFD"], count), random.GetItems(kinds, count));
        bool[] cut = [.. Enumerable.Range(0, count).Select(_ => random.Next(9) == 0)];
        var options = new OutputQualityOptions { SamplesPerFault = random.Next(0, 3) };
        var direction = (TranslationDirection)random.Next(2);

        var report = OutputQuality.Inspect(sources, outputs, direction, options, cut);

        var each = Enumerable.Range(0, count).Select(i => OutputQuality.Inspect(
            [sources[i]], [outputs[i]], direction, options with { SamplesPerFault = 1 }, [cut[i]])).ToList();
        Assert.Equal((count, each.Sum(one => one.Degenerate)), (report.Count, report.Degenerate));
        foreach (var (fault, number) in report.Faults)
        {
            var found = Enumerable.Range(0, count).Where(i => each[i].Faults[fault] == 1).ToList();
            Assert.Equal(found.Count, number);
            Assert.Equal(
                found.Take(options.SamplesPerFault),
                report.Samples.Where(sample => sample.Fault == fault).Select(sample => sample.Index));
        }
    });

    /// <summary>Looking for loops in a very long output takes its length times a few, not its square.</summary>
    [Fact]
    public void Inspect_VeryLongOutput_IsInspected()
    {
        var random = new Random(9);
        var output = string.Concat(Enumerable.Range(0, 300_000).Select(_ => (char)random.Next('a', 'z')));

        var report = OutputQuality.Inspect([Source], [output], TranslationDirection.KoToEn);

        Assert.Equal((1, 0), (report.Faults[OutputFault.NeverEnding], report.Faults[OutputFault.Repeated]));
    }
}
