using Workflows.Translation.Metrics;

namespace Workflows.Translation.Tests.Metrics;

public sealed class OutputQualityTests
{
    [Theory]
    [InlineData("방이 있나요?", "", OutputFault.Empty)]
    [InlineData("방이 있나요?", "  ", OutputFault.Empty)]
    [InlineData("방이 있나요?", "방이 있나요", OutputFault.CopiedSource)]
    [InlineData("방이 있나요?", "방은 있어요.", OutputFault.WrongScript)]
    [InlineData("방이 있나요?", "Is there a \ufffd\ufffdoom?", OutputFault.BrokenCharacters)]
    [InlineData("방이 있나요?", "Do you have a room a room a room a room", OutputFault.Repeated)]
    [InlineData("방이 있나요?", "yesyesyesyesyesyes", OutputFault.Repeated)]
    [InlineData("방이 있나요?", "有房间吗", OutputFault.WrongScript)]
    public void Inspect_KoreanToEnglish_FindsTheFault(string source, string output, OutputFault fault)
    {
        var report = OutputQuality.Inspect([source], [output], TranslationDirection.KoToEn);

        Assert.Equal(1, report.Faults[fault]);
        Assert.Equal(1, report.Degenerate);
        Assert.Contains(report.Samples, sample => sample.Fault == fault && sample.Output == output);
    }

    [Fact]
    public void Inspect_OutputFarTooLongOrCutOff_NeverEnds()
    {
        var words = string.Join(' ', Enumerable.Range(0, 60).Select(i => $"word{i}"));

        var report = OutputQuality.Inspect(["방이 있나요?", "네."], [words, "Yes, there"], TranslationDirection.KoToEn,
            wasCutOff: [false, true]);

        Assert.Equal(2, report.Faults[OutputFault.NeverEnding]);
    }

    [Theory]
    [InlineData("The room is very, very, very clean.", "방이 아주 아주 아주 깨끗합니다.", TranslationDirection.EnToKo)]
    [InlineData("ㅋㅋㅋㅋㅋ 정말요?", "Hahaha, really?", TranslationDirection.KoToEn)]
    [InlineData("1004호", "1004", TranslationDirection.KoToEn)]
    [InlineData("잠깐만요...", "Wait a moment.....", TranslationDirection.KoToEn)]
    [InlineData("The Wi-Fi password is abc123.", "Wi-Fi 비밀번호는 abc123입니다.", TranslationDirection.EnToKo)]
    public void Inspect_GoodOutput_HasNoFault(string source, string output, TranslationDirection direction)
    {
        var report = OutputQuality.Inspect([source], [output], direction);

        Assert.Equal((1, 0), (report.Count, report.Degenerate));
    }

    [Fact]
    public void Inspect_RealTranslations_HaveHardlyAnyFault()
    {
        var korean = SacreBleuCases.Lines("news-ko", "ref0");

        var report = OutputQuality.Inspect(
            Enumerable.Repeat("A sentence of the news that is about as long as they are.", korean.Length).ToArray(),
            korean, TranslationDirection.EnToKo, new OutputQualityOptions { MaxLengthRatio = 10 });

        Assert.True(report.Degenerate <= korean.Length / 50, string.Join('\n', report.Samples));
    }

    [Fact]
    public void Inspect_ListsOfDifferentLength_AreRefused()
    {
        Assert.Throws<ArgumentException>(() => OutputQuality.Inspect(["a"], [], TranslationDirection.EnToKo));
    }
}
