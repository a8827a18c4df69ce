using System.Globalization;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Variants;

/// <summary>Formats comparisons of variants; no other code does.</summary>
public static class ComparisonWording
{
    /// <summary>Says how the best variant is chosen.</summary>
    public const string Rule =
        "The best variant has the best validation score of the weights that became its model. The test set does not "
        + "choose: a variant chosen by its test score would have a score that is too high.";

    /// <summary>Says the rule in a language.</summary>
    /// <param name="words">The language.</param>
    /// <returns>The sentences.</returns>
    public static string RuleIn(Words words) => words.Of(
        Rule,
        "모델이 된 가중치의 검증 점수가 가장 좋은 변형을 고릅니다. 테스트 세트로는 고르지 않습니다. 테스트 점수로 고른 변형은 그 점수가 "
        + "실제보다 높게 나오기 때문입니다.");

    /// <summary>Formats the choice of the best variant.</summary>
    /// <param name="best">The choice.</param>
    /// <returns>One sentence with its period.</returns>
    public static string Of(BestVariant best) => Of(best, new Words(Language.English));

    /// <summary>Formats the choice of the best variant.</summary>
    /// <param name="best">The choice.</param>
    /// <param name="words">The language.</param>
    /// <returns>One sentence with its period.</returns>
    public static string Of(BestVariant best, Words words)
    {
        ArgumentNullException.ThrowIfNull(best);
        var (direction, score) = (WireName.Of(best.Direction), Score(best.Metric, best.Score, words));
        return best.Of == 1
            ? words.Of(
                $"Only '{best.Variant}' has a validation score ({direction}): {score}.",
                $"'{best.Variant}'만 검증 점수가 있습니다({direction}): {score}.")
            : words.Of(
                $"Best of {best.Of} ({direction}): '{best.Variant}', validation {score}.",
                $"변형 {best.Of}개 중 가장 좋은 변형({direction}): '{best.Variant}', 검증 {score}.");
    }

    /// <summary>Formats a validation score with its metric.</summary>
    /// <param name="metric"><c>loss</c> or <c>chrf</c>.</param>
    /// <param name="score">The score.</param>
    /// <param name="words">The language.</param>
    /// <returns>Such as <c>loss 1.234</c>.</returns>
    public static string Score(string? metric, double score, Words words) => metric == "chrf"
        ? string.Create(CultureInfo.InvariantCulture, $"chrF {score:0.00}")
        : string.Create(CultureInfo.InvariantCulture, $"{words.Of("loss", "손실")} {score:0.0000}");

    /// <summary>Formats the outcome of a test in a few words.</summary>
    /// <param name="score">The test.</param>
    /// <param name="words">The language.</param>
    /// <returns>Such as <c>finer, p = 0.0010</c>.</returns>
    public static string Outcome(TestScore score, Words words)
    {
        ArgumentNullException.ThrowIfNull(score);
        var name = words.Of(WireName.Of(score.Outcome), score.Outcome switch
        {
            VerdictOutcome.Finer => "더 나음",
            VerdictOutcome.Worse => "더 나쁨",
            VerdictOutcome.NoSignificantDifference => "유의미한 차이 없음",
            VerdictOutcome.Identical => "번역이 같음",
            VerdictOutcome.NotCompared => "비교하지 않음",
            _ => WireName.Of(score.Outcome),
        });
        return score.PValue is { } p ? string.Create(CultureInfo.InvariantCulture, $"{name}, p = {p:0.0000}") : name;
    }

    /// <summary>Notes a variant whose test score is above that of the best by the validation set.</summary>
    /// <param name="rows">The variants of one direction.</param>
    /// <param name="words">The language.</param>
    /// <returns>One sentence, or none.</returns>
    internal static IEnumerable<string> OtherByTest(IReadOnlyList<VariantRow> rows, Words words)
    {
        var scored = rows.Where(row => row.Test.Count > 0).ToList();
        var best = scored.Find(row => row.IsBest);
        var first = scored.MaxBy(Mean);
        return best is null || first is null || Mean(first) <= Mean(best) ? [] :
        [
            words.Of(
                $"'{first.Name}' has a higher BLEU on the test set than '{best.Name}'. That is no reason to choose it: "
                + "the highest of several test scores is partly luck.",
                $"테스트 세트의 BLEU는 '{first.Name}' 변형이 '{best.Name}' 변형보다 높습니다. 그러나 여러 테스트 점수 중 가장 높은 값에는 "
                + "운이 섞여 있으므로 그 변형을 고를 이유가 되지 않습니다."),
        ];

        static double Mean(VariantRow row) => row.Test.Average(score => score.TunedBleu);
    }

    /// <summary>Notes the boots that were saved because variants passed their nodes on.</summary>
    /// <param name="boots">Variants that got a node, and the mean seconds until a rented one could be used; null if
    /// none was rented.</param>
    /// <param name="words">The language.</param>
    /// <returns>One sentence, or none.</returns>
    internal static IEnumerable<string> Boots((int Saved, double? Seconds) boots, Words words) =>
        boots.Saved == 0 ? [] :
        [
            words.Of(
                $"{Counted.Of(boots.Saved, "variant")} got the node of another one: "
                + $"{Counted.Of(boots.Saved, "boot")} saved"
                + (boots.Seconds is { } each
                    ? string.Create(
                        CultureInfo.InvariantCulture, $", of {each:0} s each by the nodes that were rented.") : "."),
                $"변형 {boots.Saved}개가 다른 변형의 노드를 넘겨받아 부팅을 {boots.Saved}번 줄였습니다"
                + (boots.Seconds is { } seconds
                    ? string.Create(
                        CultureInfo.InvariantCulture, $"(빌린 노드의 부팅 시간은 평균 {seconds:0}초).") : ".")),
        ];

    /// <summary>Notes the nodes that variants may have left.</summary>
    /// <param name="rows">The variants.</param>
    /// <param name="words">The language.</param>
    /// <returns>One sentence, or none.</returns>
    internal static IEnumerable<string> NodesLeft(IReadOnlyList<VariantRow> rows, Words words) =>
        rows.Sum(row => row.NodesLeft) is > 0 and var count
            ? [words.Of(
                $"{Counted.Of(count, "node")} not proved gone: see the reports of the variants.",
                $"노드 {count}개가 아직 삭제된 것으로 확인되지 않았습니다. 변형의 보고서를 보십시오.")] : [];
}
