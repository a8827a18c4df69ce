using System.Text.RegularExpressions;

namespace Workflows.Activities.Reporting;

/// <summary>
/// Translates the notes of a verdict, which are kept as English sentences in histories and reports. A note that this
/// version does not know, such as one of a later version, stays English.
/// </summary>
public static partial class NoteWords
{
    /// <summary>Translates a note.</summary>
    /// <param name="note">The note in English, without its period.</param>
    /// <param name="words">The language.</param>
    /// <returns>The note in the language, or as it is if it is not known.</returns>
    public static string Of(string note, Words words) => Find(note, words) ?? note;

    /// <summary>Translates a note for a page; one that stays English is marked as such.</summary>
    internal static string Html(string note, Words words) =>
        Find(note, words) is { } text ? ReportPage.Text(text) : ReportPage.Said(note, words);

    /// <summary>Translates the name of a fault of outputs, such as <c>never ending</c>.</summary>
    internal static string Fault(string name) => name switch
    {
        "empty" => "빈 출력",
        "copied source" => "원문 복사",
        "repeated" => "반복",
        "wrong script" => "다른 문자 체계",
        "never ending" => "끝나지 않음",
        "broken characters" => "깨진 문자",
        _ => name,
    };

    private static string? Find(string note, Words words)
    {
        if (words.Language == Language.English)
        {
            return note;
        }

        if (SmallTest().Match(note) is { Success: true } small)
        {
            return $"테스트 규모가 작습니다. 문장이 {small.Groups["count"]}개이며 {small.Groups["most"]}개 미만이면 다른 테스트 세트에서 "
                + "판정이 뒤집힐 수 있습니다";
        }

        if (OneForAll().Match(note) is { Success: true } all)
        {
            return $"{Model(all)}: 문장 {all.Groups["total"]}개 모두에 "
                + (all.Groups["kind"].Value == "no" ? "아무것도 출력하지 않았습니다" : "같은 출력을 냈습니다");
        }

        if (OneForMany().Match(note) is { Success: true } many)
        {
            return $"{Model(many)}: 문장 {many.Groups["total"]}개 중 {many.Groups["count"]}개에 같은 출력을 냈습니다";
        }

        return Faults().Match(note) is { Success: true } faults
            ? $"{Model(faults)}: 출력 {faults.Groups["total"]}개 중 " + string.Join(", ", faults.Groups["kinds"].Value
                .Split(", ").Select(kind => kind.Split(' ', 2)).Select(kind => $"{Fault(kind[1])} {kind[0]}개"))
            : null;
    }

    private static string Model(Match note) => note.Groups["model"].Value == "base" ? "기본 모델" : "조정된 모델";

    [GeneratedRegex(
        @"^small test: (?<count>\d+) sentences; below (?<most>\d+), another test set can turn the verdict round\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex SmallTest();

    [GeneratedRegex(
        @"^(?<model>base|tuned): (?:(?<kind>no) output for any|one output for all) (?:of )?(?<total>\d+) sentences\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex OneForAll();

    [GeneratedRegex(
        @"^(?<model>base|tuned): one output for (?<count>\d+) of (?<total>\d+) sentences\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex OneForMany();

    [GeneratedRegex(
        @"^(?<model>base|tuned): of (?<total>\d+) outputs (?<kinds>\d+ [a-z ]+(?:, \d+ [a-z ]+)*)\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex Faults();
}
