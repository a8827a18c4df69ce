using System.Text;

namespace Workflows.Activities.Reporting;

/// <summary>Writes the report page's account of the corpus: the pairs used, left out, and checked.</summary>
internal static class ReportPageCorpus
{
    public static void Render(StringBuilder page, RunReport report)
    {
        if (report.Data is not { } data)
        {
            return;
        }

        var dropped = string.Join(", ", data.Dropped.Where(each => each.Value > 0)
            .Select(each => $"{each.Value} {each.Key}"));
        var validation = data.ValidationPairs > 0 ? $"{data.ValidationPairs} to validate, " : "";
        page.Append($"<section><h2>Corpus</h2><p>{data.TrainPairs} pairs to train on, {validation}{data.TestPairs} to "
            + $"test. Left out: {(dropped.Length == 0 ? "none" : ReportPage.Text(dropped))}.</p>");
        if (data.Samples.Count > 0)
        {
            page.Append("<table><tr><th>left out, for example</th><th class=\"n\">line</th><th>text</th></tr>");
            foreach (var sample in data.Samples)
            {
                page.Append($"<tr><td>{ReportPage.Text(sample.Reason)}</td><td class=\"n\">{sample.Line}</td>"
                    + $"<td>{ReportPage.Text(sample.Text)}</td></tr>");
            }

            page.Append("</table>");
        }

        if (data.Gates.Count > 0)
        {
            page.Append("<table><tr><th>checked before renting</th><th>found</th></tr>");
            foreach (var gate in data.Gates)
            {
                page.Append(
                    $"<tr><td>{ReportPage.Text(gate.Name)}</td><td>{ReportPage.Text(gate.Detail)}</td></tr>");
            }

            page.Append("</table>");
        }

        page.Append("</section>");
    }
}
