namespace Workflows.Activities.Reporting;

/// <summary>Translates the reasons for which rows of a corpus were left out, such as <c>train: length ratio</c>.
/// </summary>
internal static class DropWords
{
    /// <summary>Translates a reason into Korean.</summary>
    /// <param name="reason">The reason, as it is counted.</param>
    /// <returns>The reason in Korean; a part that is not known stays as it is.</returns>
    public static string Korean(string reason)
    {
        if (reason.Split(": ", 2) is [var part, var cause])
        {
            return $"{Part(part)}: {Cause(cause)}";
        }

        return reason.StartsWith("in the ", StringComparison.Ordinal)
            && reason["in the ".Length..].Split(" set (", 2) is [var set, var leak] && leak.EndsWith(')')
            ? $"{Part(set)} 세트에 있음({Cause(leak[..^1])})"
            : Cause(reason);
    }

    private static string Part(string part) => part switch
    {
        "train" => "학습",
        "validation" => "검증",
        "test" => "테스트",
        _ => part,
    };

    private static string Cause(string cause) => cause switch
    {
        "too few columns" => "열이 부족함",
        "too many columns" => "열이 너무 많음",
        "invalid json" => "잘못된 JSON",
        "missing field" => "필드 없음",
        "line too long" => "줄이 너무 긺",
        "invalid entry" => "잘못된 항목",
        "fuzzy" => "미확정 번역",
        "untranslated" => "번역 없음",
        "invalid quotes" => "잘못된 따옴표",
        "invalid character" => "잘못된 문자",
        "over the limit" => "한도 초과",
        "empty" => "비어 있음",
        "too long" => "너무 긺",
        "identical sides" => "양쪽이 같음",
        "wrong script" => "다른 문자 체계",
        "length ratio" => "길이 비율",
        "duplicate pair" => "중복된 쌍",
        "duplicate source" => "중복된 원문",
        "same korean" => "같은 한국어",
        "same english" => "같은 영어",
        "near duplicate" => "거의 같은 문장",
        _ => cause,
    };
}
