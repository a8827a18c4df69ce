using System.Globalization;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>Languages in which people read results.</summary>
public enum Language
{
    /// <summary>English.</summary>
    English,

    /// <summary>Korean.</summary>
    Korean,
}

/// <summary>
/// Words in one language. Each text stands in the code in both languages side by side, so that none can be missing.
/// </summary>
/// <param name="Language">The language.</param>
public readonly record struct Words(Language Language)
{
    /// <summary>Gets the language's tag (BCP 47), <c>en</c> or <c>ko</c>.</summary>
    public string Tag => Of("en", "ko");

    /// <summary>Finds the language of a tag or of a locale's name.</summary>
    /// <param name="name">A tag such as <c>ko-KR</c>, or a POSIX locale such as <c>ko_KR.UTF-8</c>.</param>
    /// <returns>The language; null for another one.</returns>
    public static Language? Find(string? name) => name?.Split('-', '_', '.', '@')[0].ToUpperInvariant() switch
    {
        "KO" => Language.Korean,
        "EN" => Language.English,
        _ => null,
    };

    /// <summary>Chooses a text.</summary>
    /// <param name="english">The text in English.</param>
    /// <param name="korean">The text in Korean.</param>
    /// <returns>The one of the language.</returns>
    public string Of(string english, string korean) => Language == Language.Korean ? korean : english;

    /// <summary>Formats a number of things.</summary>
    /// <param name="count">The number.</param>
    /// <param name="noun">The English noun, whose plural ends in s.</param>
    /// <param name="counter">The Korean noun or counter that stands after the number, with a space where it has one.
    /// </param>
    /// <returns>The number and the noun.</returns>
    public string Count(int count, string noun, string counter) =>
        Of(Counted.Of(count, noun), string.Create(CultureInfo.InvariantCulture, $"{count:N0}{counter}"));

    /// <summary>Names a status.</summary>
    /// <param name="status">The status.</param>
    /// <returns>Its name.</returns>
    public string Name(RunStatus status) => Of(WireName.Of(status), status switch
    {
        RunStatus.Pending => "대기 중",
        RunStatus.Running => "실행 중",
        RunStatus.Suspended => "일시중지됨",
        RunStatus.Succeeded => "성공",
        RunStatus.Failed => "실패",
        RunStatus.Cancelled => "취소됨",
        RunStatus.Terminated => "강제 종료됨",
        _ => WireName.Of(status),
    });

    /// <summary>Names a stage.</summary>
    /// <param name="stage">The stage.</param>
    /// <returns>Its name.</returns>
    public string Name(RunStageName stage) => Of(WireName.Of(stage), stage switch
    {
        RunStageName.Pending => "대기",
        RunStageName.Plan => "계획",
        RunStageName.Prepare => "데이터 준비",
        RunStageName.Train => "학습",
        RunStageName.Compile => "컴파일",
        RunStageName.Evaluate => "평가",
        RunStageName.Teardown => "리소스 반납",
        RunStageName.Report => "보고",
        RunStageName.Done => "완료",
        RunStageName.Approve => "승인",
        _ => WireName.Of(stage),
    });

    /// <summary>Names the outcome of an attempt.</summary>
    /// <param name="outcome">The outcome.</param>
    /// <returns>Its name.</returns>
    public string Name(AttemptOutcome outcome) => Of(WireName.Of(outcome), outcome switch
    {
        AttemptOutcome.Ready => "준비됨",
        AttemptOutcome.Refused => "거부됨",
        AttemptOutcome.Skipped => "건너뜀",
        AttemptOutcome.Failed => "실패",
        AttemptOutcome.Timeout => "시간 초과",
        AttemptOutcome.Cancelled => "취소됨",
        _ => WireName.Of(outcome),
    });

    /// <summary>Names a provisioning mode.</summary>
    /// <param name="mode">The mode.</param>
    /// <returns>Its name.</returns>
    public string Name(ProvisioningMode mode) => Of(WireName.Of(mode), mode switch
    {
        ProvisioningMode.Spot => "스팟",
        ProvisioningMode.OnDemand => "주문형",
        ProvisioningMode.FlexStart => "유연 시작",
        ProvisioningMode.Reserved => "예약",
        _ => WireName.Of(mode),
    });

    /// <summary>Names the scope of a refusal.</summary>
    /// <param name="scope">The scope.</param>
    /// <returns>Its name.</returns>
    public string Name(RefusalScope scope) => scope switch
    {
        RefusalScope.Zone => Of("zone", "영역"),
        RefusalScope.Region => Of("region", "리전"),
        RefusalScope.Project => Of("project", "프로젝트"),
        RefusalScope.Request => Of("request", "요청"),
        _ => $"{scope}",
    };

    /// <summary>Names the reason of a move.</summary>
    /// <param name="reason">The reason.</param>
    /// <returns>Its name.</returns>
    public string Name(MoveReason reason) => Of(WireName.Of(reason), reason switch
    {
        MoveReason.BackToSpot => "주문형에서 스팟으로 복귀",
        MoveReason.CheaperSpot => "더 저렴한 스팟 노드",
        _ => WireName.Of(reason),
    });

    /// <summary>Names the step of a move.</summary>
    /// <param name="step">The step.</param>
    /// <returns>Its name.</returns>
    public string Name(MoveStep step) => Of(WireName.Of(step), step switch
    {
        MoveStep.Begun => "시작됨",
        MoveStep.Done => "완료",
        MoveStep.GivenUp => "포기함",
        _ => WireName.Of(step),
    });

    /// <summary>Names the reason of a switch to on-demand nodes.</summary>
    /// <param name="reason">The reason.</param>
    /// <returns>Its name.</returns>
    public string Name(SwitchReason reason) => Of(WireName.Of(reason), reason switch
    {
        SwitchReason.Deadline => "스팟 노드를 다시 쓰기에는 기한이 촉박함",
        SwitchReason.LossNotRecoverable => "스팟 노드를 잃으면 복구할 시간이 부족함",
        SwitchReason.SearchOver => "탐색 시간 안에 스팟 노드를 확보하지 못함",
        SwitchReason.NoPlaceLeft => "모든 스팟 위치가 지속적인 이유로 거부됨",
        SwitchReason.TooManyLosses => "스팟 노드를 너무 많이 잃음",
        _ => WireName.Of(reason),
    });
}
