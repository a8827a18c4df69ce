using System.Text;
using Workflows.Activities.Evaluation;
using Workflows.Translation;

namespace Workflows.Activities.Reporting;

/// <summary>Writes the report page's scores by direction, and its sentences side by side.</summary>
internal static class ReportPageScores
{
    public static void Render(StringBuilder page, RunReport report, Words words)
    {
        foreach (var verdict in report.Verdicts)
        {
            page.Append($"""
                <section><h2>{words.Of("Scores", "점수")}, {verdict.Direction.Code()}</h2>
                <p>{words.Of(
                    $"{Counted.Of(verdict.TestPairs, "test sentence")}, the same for both models.",
                    $"테스트 문장 {verdict.TestPairs}개이며 두 모델에 같습니다.")}</p>
                <table><tr><th>{words.Of("model", "모델")}</th>
                <th class="n">BLEU</th><th class="n">chrF++</th><th>{words.Of(
                    "degenerate outputs", "비정상 출력")}</th></tr>
                """);
            Row(page, words.Of(HypothesisFiles.Base, "기본 모델"), verdict.Base, words);
            Row(page, words.Of(HypothesisFiles.Tuned, "조정된 모델"), verdict.Tuned, words);
            page.Append($"""
                </table><p class="fine">{ReportPage.Text(verdict.Tuned.BleuSignature)}<br>
                {ReportPage.Text(verdict.Tuned.ChrfSignature)}<br>
                {ReportPage.Text(VerdictWording.Of(verdict, words))}{(
                    verdict.PValue is null ? "" : words.Of(" Paired bootstrap.", " 대응 표본 부트스트랩."))}{(
                    verdict.UsdPerBleuPoint is { } usd ? words.Of(
                    $" One BLEU point cost ${usd:0.0000}.", $" BLEU 1점당 비용은 ${usd:0.0000}입니다.") : "")}</p>
                """);
            foreach (var note in verdict.Notes)
            {
                page.Append($"<p class=\"fine\">{words.Of("Note", "참고")}: {NoteWords.Html(note, words)}.</p>");
            }

            page.Append("</section>");
        }
    }

    public static void RenderExamples(StringBuilder page, RunReport report, Words words)
    {
        foreach (var verdict in report.Verdicts.Where(each => each.Examples.Count > 0))
        {
            page.Append($"<section><h2>{words.Of("Sentence by sentence", "문장별 비교")}, {verdict.Direction.Code()}</h2>");
            foreach (var row in verdict.Examples)
            {
                page.Append($"""
                    <dl><dt>{words.Of("source", "원문")}</dt><dd>{ReportPage.Text(row.Source)}</dd>
                    <dt>{words.Of("reference", "참조 번역")}</dt><dd>{ReportPage.Text(row.Reference)}</dd>
                    <dt>{words.Of("base", "기본 모델")}</dt><dd>{ReportPage.Text(row.Base)}</dd>
                    <dt>{words.Of("tuned", "조정된 모델")}</dt><dd class="tuned">{ReportPage.Text(row.Tuned)}</dd></dl>
                    """);
            }

            page.Append("</section>");
        }
    }

    private static void Row(StringBuilder page, string name, SystemScore score, Words words)
    {
        var warnings = string.Join(", ", score.Warnings.Where(each => each.Value > 0)
            .Select(each => words.Of($"{each.Value} {each.Key}", $"{NoteWords.Fault(each.Key)} {each.Value}개")));
        page.Append($"""
            <tr><td>{name}</td><td class="n">{score.Bleu:0.00}</td><td class="n">{score.Chrf:0.00}</td>
            <td>{(warnings.Length == 0 ? words.Of("none", "없음") : ReportPage.Text(warnings))}</td></tr>
            """);
    }
}
