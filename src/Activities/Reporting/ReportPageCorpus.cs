using System.Text;

namespace Workflows.Activities.Reporting;

/// <summary>Writes the report page's account of the corpus: the pairs used, left out, and checked.</summary>
internal static class ReportPageCorpus
{
    public static void Render(StringBuilder page, RunReport report, Words words)
    {
        if (report.Data is not { } data)
        {
            return;
        }

        var dropped = string.Join(", ", data.Dropped.Where(each => each.Value > 0)
            .Select(each => words.Of($"{each.Value} {each.Key}", $"{DropWords.Korean(each.Key)} {each.Value}개")));
        var left = dropped.Length == 0 ? words.Of("none", "없음") : ReportPage.Text(dropped);
        page.Append(words.Of(
            $"<section><h2>Corpus</h2><p>{data.TrainPairs} pairs to train on, "
            + $"{(data.ValidationPairs > 0 ? $"{data.ValidationPairs} to validate, " : "")}{data.TestPairs} to test. "
            + $"Left out: {left}.</p>",
            $"<section><h2>말뭉치</h2><p>학습 {data.TrainPairs}쌍, "
            + $"{(data.ValidationPairs > 0 ? $"검증 {data.ValidationPairs}쌍, " : "")}테스트 {data.TestPairs}쌍. "
            + $"제외한 항목: {left}.</p>"));
        if (data.Samples.Count > 0)
        {
            page.Append(words.Of(
                "<table><tr><th>left out, for example</th><th class=\"n\">line</th><th>text</th></tr>",
                "<table><tr><th>제외한 예</th><th class=\"n\">줄</th><th>텍스트</th></tr>"));
            foreach (var sample in data.Samples)
            {
                var reason = words.Of(sample.Reason, DropWords.Korean(sample.Reason));
                page.Append($"<tr><td>{ReportPage.Text(reason)}</td><td class=\"n\">{sample.Line}</td>"
                    + $"<td>{ReportPage.Text(sample.Text)}</td></tr>");
            }

            page.Append("</table>");
        }

        if (data.Gates.Count > 0)
        {
            page.Append(words.Of(
                "<table><tr><th>checked before renting</th><th>found</th></tr>",
                "<table><tr><th>TPU를 빌리기 전의 검사</th><th>확인한 내용</th></tr>"));
            foreach (var gate in data.Gates)
            {
                page.Append($"<tr><td>{ReportPage.Said(gate.Name, words)}</td>"
                    + $"<td>{ReportPage.Said(gate.Detail, words)}</td></tr>");
            }

            page.Append("</table>");
        }

        page.Append("</section>");
    }
}
