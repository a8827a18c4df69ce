using System.Text.RegularExpressions;

namespace Workflows.Activities.Reporting;

/// <summary>Translates the reasons for which times differ from their estimates; reports keep them in English.</summary>
internal static partial class EstimateWords
{
    private const string NotEnded = "it did not end";
    private const string Rest = "boot, loading the model, compilation, checkpoints, giving back";

    /// <summary>Translates a reason for a page; one that stays English is marked as such.</summary>
    /// <param name="why">The reasons, with semicolons between them.</param>
    /// <param name="words">The language.</param>
    /// <returns>Encoded text.</returns>
    public static string Html(string why, Words words)
    {
        var parts = why.Split("; ").Select(Korean).ToList();
        return words.Language == Language.English || parts.Contains(null)
            ? ReportPage.Said(why, words)
            : ReportPage.Text(string.Join(", ", parts));
    }

    private static string? Korean(string why)
    {
        switch (why)
        {
            case "":
                return "";
            case NotEnded:
                return "끝나지 않음";
            case Rest:
                return "부팅, 모델 로드, 컴파일, 체크포인트, 반납";
        }

        return Rates().Match(why) is { Success: true } rates
            ? $"실제 {rates.Groups[1].Value}TFLOP/s(가정 {rates.Groups[2].Value})"
            : Steps().Match(why) is { Success: true } steps
            ? $"{steps.Groups[2].Value}스텝 중 {steps.Groups[1].Value}스텝"
            : Sentences().Match(why) is { Success: true } sentences
            ? $"테스트 문장 {sentences.Groups[1].Value}개(가정 {sentences.Groups[2].Value}개)"
            : Lost().Match(why) is { Success: true } lost
            ? $"잃은 TPU {lost.Groups[1].Value}개와 다시 수행한 스텝"
            : null;
    }

    [GeneratedRegex(@"^(\S+) TFLOP/s reached, (\S+) assumed\z", RegexOptions.CultureInvariant)]
    private static partial Regex Rates();

    [GeneratedRegex(@"^(\d+) of (\d+) steps\z", RegexOptions.CultureInvariant)]
    private static partial Regex Steps();

    [GeneratedRegex(@"^(\d+) test sentences, (\d+) assumed\z", RegexOptions.CultureInvariant)]
    private static partial Regex Sentences();

    [GeneratedRegex(@"^(\d+) TPUs? lost, with the steps that were done again\z", RegexOptions.CultureInvariant)]
    private static partial Regex Lost();
}
