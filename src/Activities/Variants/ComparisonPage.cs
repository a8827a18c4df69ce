using System.Globalization;
using System.Text;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Translation;

namespace Workflows.Activities.Variants;

/// <summary>Writes the comparison as one self-contained page in the style of the reports.</summary>
internal static class ComparisonPage
{
    public static string Render(VariantComparison comparison)
    {
        var page = new StringBuilder();
        page.Append($$"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>{{Text(comparison.Name)}} - {{Counted.Of(comparison.Variants.Count, "variant")}}</title>
            <style>{{ReportPage.Style}}</style></head><body><main>
            <header><p class="kind">
            Variants of {{comparison.RunId}}{{(comparison.IsRehearsal ? " &middot; rehearsal" : "")}}</p>
            <h1>{{Text(comparison.Name)}}</h1>
            {{Headline(comparison)}}</header>
            """);
        Failure(page, comparison);
        Numbers(page, comparison);
        Validation(page, comparison);
        Test(page, comparison);
        page.Append("</main></body></html>\n");
        return page.ToString();
    }

    private static string Headline(VariantComparison comparison)
    {
        var lines = comparison.Best.Select(best => $"<p class=\"status finer\">{Text(best.Summary)}</p>").ToList();
        if (comparison.IsDraft)
        {
            lines.Insert(
                0, "<p class=\"status undecided\">Not all variants are done; this is the state until now.</p>");
        }
        else if (lines.Count == 0)
        {
            lines.Add($"<p class=\"status {WireName.Of(comparison.Status)}\">No variant has a validation score.</p>");
        }

        return string.Concat(lines);
    }

    private static void Failure(StringBuilder page, VariantComparison comparison)
    {
        if (comparison.Failure is { } failure)
        {
            page.Append($"""
                <section class="failure"><h2>Why it did not succeed</h2>
                <p><code>{Text(failure.Code)}</code> {Text(failure.Message)}</p>
                <p><b>What to do:</b> {Text(failure.Fix)}</p></section>
                """);
        }

        if (comparison.Resume is { } command)
        {
            page.Append(
                $"<section><p>Resume the variants without a verdict: <code>{Text(command)}</code></p></section>");
        }
    }

    private static void Numbers(StringBuilder page, VariantComparison comparison)
    {
        var done = comparison.Variants.Count(row => row.Status == RunStatus.Succeeded);
        var hours = comparison.Variants.Sum(row => row.Hours ?? 0);
        page.Append($"""
            <section class="numbers">
            <div><strong>{done} of {comparison.Variants.Count}</strong><span>variants with a verdict</span></div>
            <div><strong>{Usd(comparison.ActualUsd)}</strong>
            <span>of a budget of {Usd(comparison.BudgetUsd)}{(
                comparison.IsRehearsal ? ", at list price" : "")}</span></div>
            <div><strong>{Number(hours, "0.000")} h</strong><span>on TPUs</span></div></section>
            """);
    }

    private static void Validation(StringBuilder page, VariantComparison comparison)
    {
        page.Append($"""
            <section><h2>By the validation set</h2><p>{Text(ComparisonWording.Rule)}</p>
            <div class="wide"><table><tr><th>variant</th><th>changes</th><th>direction</th>
            <th class="n">validation</th><th class="n">step</th><th class="n">cost</th><th>node</th><th>status</th></tr>
            """);
        foreach (var row in comparison.Variants)
        {
            var changes = string.Join("<br>", row.Changes.Select(
                each => $"<small>{Text(each.Key)}</small> {Text(each.Value)}"));
            page.Append($"""
                <tr{(row.IsBest ? " class=\"best\"" : "")}><td>{Link(row)}{(row.IsBest ? " &#9733; best" : "")}</td>
                <td>{changes}</td><td>{WireName.Of(row.Direction)}</td>
                <td class="n">{(row.Score is { } score ? ComparisonWording.Score(row.Metric, score) : "")}</td>
                <td class="n">{row.Step}</td><td class="n">{Usd(row.Usd)}</td>
                <td>{(row.NodeFrom is { } from ? $"of {from}" : "")}</td>
                <td>{WireName.Of(row.Status)}{(row.Failure is { } why ? $" <code>{Text(why.Code)}</code>" : "")}</td>
                </tr>
                """);
        }

        page.Append("</table></div>");
        foreach (var note in comparison.Notes.Where(note => note != ComparisonWording.Rule))
        {
            page.Append($"<p class=\"fine\">Note: {Text(note)}</p>");
        }

        page.Append("</section>");
    }

    private static void Test(StringBuilder page, VariantComparison comparison)
    {
        if (comparison.Variants.All(row => row.Test.Count == 0))
        {
            return;
        }

        page.Append("""
            <section><h2>On the test set, for information</h2>
            <div class="wide"><table><tr><th>variant</th><th>direction</th><th class="n">BLEU base</th>
            <th class="n">BLEU tuned</th><th class="n">chrF++ base</th><th class="n">chrF++ tuned</th>
            <th>beside its base</th></tr>
            """);
        foreach (var (row, test) in comparison.Variants.SelectMany(row => row.Test.Select(test => (row, test))))
        {
            page.Append($"""
                <tr{(row.IsBest ? " class=\"best\"" : "")}><td>{Link(row)}</td><td>{test.Direction.Code()}</td>
                <td class="n">{Number(test.BaseBleu, "0.00")}</td><td class="n">{Number(test.TunedBleu, "0.00")}</td>
                <td class="n">{Number(test.BaseChrf, "0.00")}</td><td class="n">{Number(test.TunedChrf, "0.00")}</td>
                <td>{Text(ComparisonWording.Outcome(test))}</td></tr>
                """);
        }

        page.Append("</table></div></section>");
    }

    /// <summary>Links the variant's report, from the address of the service and from the folder alike.</summary>
    private static string Link(VariantRow row) => row.Steps is null && row.Failure is null
        ? Text(row.Name) : $"<a href=\"../{row.RunId}/report.html\">{Text(row.Name)}</a>";

    private static string Usd(double usd) => Number(usd, "0.00##") + " USD";

    private static string Number(double number, string format) => number.ToString(format, CultureInfo.InvariantCulture);

    private static string Text(string text) => ReportPage.Text(text);
}
