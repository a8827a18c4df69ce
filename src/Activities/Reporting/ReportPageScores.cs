using System.Text;
using Workflows.Activities.Evaluation;
using Workflows.Translation;

namespace Workflows.Activities.Reporting;

/// <summary>Writes the report page's scores by direction, and its sentences side by side.</summary>
internal static class ReportPageScores
{
    public static void Render(StringBuilder page, RunReport report)
    {
        foreach (var verdict in report.Verdicts)
        {
            page.Append($"""
                <section><h2>Scores, {verdict.Direction.Code()}</h2>
                <p>{Counted.Of(verdict.TestPairs, "test sentence")}, the same for both models.</p>
                <table><tr><th>model</th>
                <th class="n">BLEU</th><th class="n">chrF++</th><th>degenerate outputs</th></tr>
                """);
            Row(page, HypothesisFiles.Base, verdict.Base);
            Row(page, HypothesisFiles.Tuned, verdict.Tuned);
            page.Append($"""
                </table><p class="fine">{ReportPage.Text(verdict.Tuned.BleuSignature)}<br>
                {ReportPage.Text(verdict.Tuned.ChrfSignature)}<br>
                {ReportPage.Text(verdict.Summary)}{(verdict.PValue is null ? "" : " Paired bootstrap.")}{(
                    verdict.UsdPerBleuPoint is { } usd ? $" One BLEU point cost ${usd:0.0000}." : "")}</p>
                """);
            foreach (var note in verdict.Notes)
            {
                page.Append($"<p class=\"fine\">Note: {ReportPage.Text(note)}.</p>");
            }

            page.Append("</section>");
        }
    }

    public static void RenderExamples(StringBuilder page, RunReport report)
    {
        foreach (var verdict in report.Verdicts.Where(each => each.Examples.Count > 0))
        {
            page.Append($"<section><h2>Sentence by sentence, {verdict.Direction.Code()}</h2>");
            foreach (var row in verdict.Examples)
            {
                page.Append($"""
                    <dl><dt>source</dt><dd>{ReportPage.Text(row.Source)}</dd>
                    <dt>reference</dt><dd>{ReportPage.Text(row.Reference)}</dd>
                    <dt>base</dt><dd>{ReportPage.Text(row.Base)}</dd>
                    <dt>tuned</dt><dd class="tuned">{ReportPage.Text(row.Tuned)}</dd></dl>
                    """);
            }

            page.Append("</section>");
        }
    }

    private static void Row(StringBuilder page, string name, SystemScore score)
    {
        var warnings = string.Join(", ", score.Warnings.Where(each => each.Value > 0)
            .Select(each => $"{each.Value} {each.Key}"));
        page.Append($"""
            <tr><td>{name}</td><td class="n">{score.Bleu:0.00}</td><td class="n">{score.Chrf:0.00}</td>
            <td>{(warnings.Length == 0 ? "none" : ReportPage.Text(warnings))}</td></tr>
            """);
    }
}
