using System.Globalization;
using System.Text;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Translation;

namespace Workflows.Activities.Variants;

/// <summary>Writes the comparison as one self-contained page in the style of the reports.</summary>
internal static class ComparisonPage
{
    /// <summary>Writes the page.</summary>
    /// <param name="comparison">The comparison.</param>
    /// <param name="language">The language of the page's own words; messages of failures stay as they are, and are
    /// marked as English.</param>
    public static string Render(VariantComparison comparison, Language language = Language.English)
    {
        var page = new StringBuilder();
        var words = new Words(language);
        page.Append($$"""
            <!doctype html>
            <html lang="{{words.Tag}}"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>{{Text(comparison.Name)}} - {{words.Count(comparison.Variants.Count, "variant", "개 변형")}}</title>
            <style>{{ReportPage.Style}}</style></head><body><main>
            <header><p class="kind">
            {{words.Of("Variants of", "변형 비교:")}} {{comparison.RunId}}{{(comparison.IsRehearsal
                ? " &middot; " + words.Of("rehearsal", "리허설") : "")}}
            &middot; {{words.Of(
                $"<a href=\"{ReportFiles.KoreanPage}\" hreflang=\"ko\" lang=\"ko\">한국어</a>",
                $"<a href=\"{ReportFiles.Page}?lang=en\" hreflang=\"en\" lang=\"en\">English</a>")}}</p>
            <h1>{{Text(comparison.Name)}}</h1>
            {{Headline(comparison, words)}}</header>
            """);
        Failure(page, comparison, words);
        Numbers(page, comparison, words);
        Validation(page, comparison, words);
        Test(page, comparison, words);
        page.Append("</main></body></html>\n");
        return page.ToString();
    }

    private static string Headline(VariantComparison comparison, Words words)
    {
        var lines = comparison.Best.Select(
            best => $"<p class=\"status finer\">{Text(ComparisonWording.Of(best, words))}</p>").ToList();
        if (comparison.IsDraft)
        {
            lines.Insert(0, $"<p class=\"status undecided\">{words.Of(
                "Not all variants are done; this is the state until now.",
                "아직 끝나지 않은 변형이 있습니다. 지금까지의 상태입니다.")}</p>");
        }
        else if (lines.Count == 0)
        {
            lines.Add($"<p class=\"status {WireName.Of(comparison.Status)}\">{words.Of(
                "No variant has a validation score.", "검증 점수가 있는 변형이 없습니다.")}</p>");
        }

        return string.Concat(lines);
    }

    private static void Failure(StringBuilder page, VariantComparison comparison, Words words)
    {
        if (comparison.Failure is { } failure)
        {
            page.Append($"<section class=\"failure\"><h2>{words.Of("Why it did not succeed", "성공하지 못한 이유")}</h2>"
                + $"{ReportPage.Why(failure, words)}</section>");
        }

        if (comparison.Resume is { } command)
        {
            page.Append($"<section><p>{words.Of(
                "Resume the variants without a verdict:", "판정이 없는 변형을 이어가려면:")} "
                + $"<code>{Text(command)}</code></p></section>");
        }
    }

    private static void Numbers(StringBuilder page, VariantComparison comparison, Words words)
    {
        var (done, all) = (
            comparison.Variants.Count(row => row.Status == RunStatus.Succeeded), comparison.Variants.Count);
        var hours = Number(comparison.Variants.Sum(row => row.Hours ?? 0), "0.000");
        var egress = comparison.Egress is { } sum
            ? $"\n<div><strong>{Usd(sum.Usd)}</strong><span>{words.Of(
                $"egress, computed and not in the cost: {Gigabytes(sum)} GB",
                $"이그레스, 계산한 값이며 비용에 포함되지 않음: {Gigabytes(sum)}GB")}</span></div>" : "";
        page.Append($"""
            <section class="numbers">
            <div><strong>{words.Of($"{done} of {all}", $"{all}개 중 {done}개")}</strong>
            <span>{words.Of("variants with a verdict", "판정이 있는 변형")}</span></div>
            <div><strong>{Usd(comparison.ActualUsd)}</strong>
            <span>{words.Of($"of a budget of {Usd(comparison.BudgetUsd)}", $"예산 {Usd(comparison.BudgetUsd)}")}{(
                comparison.IsRehearsal ? words.Of(", at list price", ", 정가 기준") : "")}</span></div>{egress}
            <div><strong>{words.Of($"{hours} h", $"{hours}시간")}</strong>
            <span>{words.Of("on TPUs", "TPU 사용 시간")}</span></div></section>
            """);

        static string Gigabytes(EgressCost sum) => Number((sum.BytesRead + sum.BytesWritten) / 1e9, "0.000");
    }

    private static void Validation(StringBuilder page, VariantComparison comparison, Words words)
    {
        page.Append($"<section><h2>{words.Of("By the validation set", "검증 세트 기준")}</h2>"
            + $"<p>{Text(ComparisonWording.RuleIn(words))}</p>" + words.Of(
                "<div class=\"wide\"><table><tr><th>variant</th><th>changes</th><th>direction</th>"
                + "<th class=\"n\">validation</th><th class=\"n\">step</th><th class=\"n\">cost</th><th>node</th>"
                + "<th>status</th></tr>",
                "<div class=\"wide\"><table><tr><th>변형</th><th>변경 사항</th><th>방향</th>"
                + "<th class=\"n\">검증</th><th class=\"n\">스텝</th><th class=\"n\">비용</th><th>노드</th>"
                + "<th>상태</th></tr>"));
        foreach (var row in comparison.Variants)
        {
            var changes = string.Join("<br>", row.Changes.Select(
                each => $"<small>{Text(each.Key)}</small> {Text(each.Value)}"));
            page.Append($"""
                <tr{(row.IsBest ? " class=\"best\"" : "")}><td>{Link(row, words)}{(row.IsBest
                    ? $" &#9733; {words.Of("best", "최고")}" : "")}</td>
                <td>{changes}</td><td>{WireName.Of(row.Direction)}</td>
                <td class="n">{(row.Score is { } score
                    ? ComparisonWording.Score(row.Metric, score, words) : "")}</td>
                <td class="n">{row.Step}</td><td class="n">{Usd(row.Usd)}</td>
                <td>{(row.NodeFrom is { } from ? words.Of($"of {from}", $"{from}의 노드") : "")}</td>
                <td>{words.Name(row.Status)}{(row.Failure is { } why ? $" <code>{Text(why.Code)}</code>" : "")}</td>
                </tr>
                """);
        }

        page.Append("</table></div>");
        foreach (var note in NotesOf(comparison, words))
        {
            page.Append($"<p class=\"fine\">{words.Of("Note:", "참고:")} {note}</p>");
        }

        page.Append("</section>");
    }

    /// <summary>Returns the notes for the page, without the rule, which stands above them.</summary>
    private static IEnumerable<string> NotesOf(VariantComparison comparison, Words words) =>
        words.Language == Language.Korean && comparison.KoreanNotes is { } korean
            ? korean.Where(note => note != ComparisonWording.RuleIn(words)).Select(Text)
            : comparison.Notes.Where(note => note != ComparisonWording.Rule)
                .Select(note => ReportPage.Said(note, words));

    private static void Test(StringBuilder page, VariantComparison comparison, Words words)
    {
        if (comparison.Variants.All(row => row.Test.Count == 0))
        {
            return;
        }

        page.Append(words.Of(
            "<section><h2>On the test set, for information</h2>"
            + "<div class=\"wide\"><table><tr><th>variant</th><th>direction</th><th class=\"n\">BLEU base</th>"
            + "<th class=\"n\">BLEU tuned</th><th class=\"n\">chrF++ base</th><th class=\"n\">chrF++ tuned</th>"
            + "<th>beside its base</th></tr>",
            "<section><h2>테스트 세트 점수(참고용)</h2>"
            + "<div class=\"wide\"><table><tr><th>변형</th><th>방향</th><th class=\"n\">BLEU 기본</th>"
            + "<th class=\"n\">BLEU 조정</th><th class=\"n\">chrF++ 기본</th><th class=\"n\">chrF++ 조정</th>"
            + "<th>기본 모델과 비교</th></tr>"));
        foreach (var (row, test) in comparison.Variants.SelectMany(row => row.Test.Select(test => (row, test))))
        {
            page.Append($"""
                <tr{(row.IsBest ? " class=\"best\"" : "")}><td>{Link(row, words)}</td><td>{test.Direction.Code()}</td>
                <td class="n">{Number(test.BaseBleu, "0.00")}</td><td class="n">{Number(test.TunedBleu, "0.00")}</td>
                <td class="n">{Number(test.BaseChrf, "0.00")}</td><td class="n">{Number(test.TunedChrf, "0.00")}</td>
                <td>{Text(ComparisonWording.Outcome(test, words))}</td></tr>
                """);
        }

        page.Append("</table></div></section>");
    }

    /// <summary>Links the variant's report, from the address of the service and from the folder alike.</summary>
    private static string Link(VariantRow row, Words words) => row.Steps is null && row.Failure is null
        ? Text(row.Name) : $"<a href=\"../{row.RunId}/{ReportFiles.PageIn(words.Language)}\">{Text(row.Name)}</a>";

    private static string Usd(double usd) => Number(usd, "0.00##") + " USD";

    private static string Number(double number, string format) => number.ToString(format, CultureInfo.InvariantCulture);

    private static string Text(string text) => ReportPage.Text(text);
}
