using System.Globalization;
using System.Text;
using Workflows.Orchestrations;
using static Workflows.Activities.Reporting.ReportPage;

namespace Workflows.Activities.Reporting;

/// <summary>Writes the report page's account of the TPUs: attempts, losses, and the proof that all are gone.</summary>
internal static class ReportPageZones
{
    public static void Render(StringBuilder page, RunReport report, Words words)
    {
        if (report.Attempts.Count > 0)
        {
            RenderAttempts(page, report, words);
        }

        if (report.Handovers is { } passed)
        {
            RenderPassed(page, passed, words);
        }
    }

    private static void RenderPassed(StringBuilder page, IReadOnlyList<HandoverRow> passed, Words words)
    {
        page.Append($"<section><h2>{words.Of("Passed between variants", "변형 사이에 넘겨준 노드")}</h2>");
        foreach (var row in passed)
        {
            var node = $"<b>{Text(row.Node[(row.Node.LastIndexOf('/') + 1)..])}</b>";
            var at = row.At.ToString("HH:mm:ss", CultureInfo.InvariantCulture);
            page.Append(row.From is { } from
                ? words.Of(
                    $"<p>Got the node {node} from <code>{from}</code> at {at} UTC, and pays for it since then: no boot "
                    + "was waited for.</p>",
                    $"<p>{at} UTC에 <code>{from}</code>에서 노드 {node}을(를) 넘겨받아 그때부터 비용을 냅니다. 부팅을 "
                    + "기다리지 않았습니다.</p>")
                : words.Of(
                    $"<p>Handed the node {node} on to <code>{row.To}</code> at {at} UTC, whose report has the proof "
                    + "that it is gone.</p>",
                    $"<p>{at} UTC에 노드 {node}을(를) <code>{row.To}</code>에 넘겨주었습니다. 삭제 증명은 그 보고서에 "
                    + "있습니다.</p>"));
        }

        page.Append("</section>");
    }

    private static void RenderAttempts(StringBuilder page, RunReport report, Words words)
    {
        page.Append(words.Of(
            "<section><h2>Zones</h2><table><tr><th>#</th><th>zone</th><th>accelerator</th><th>outcome</th>"
            + "<th>the cloud's words, and what to do</th></tr>",
            "<section><h2>영역</h2><table><tr><th>#</th><th>영역</th><th>가속기</th><th>결과</th>"
            + "<th>클라우드의 메시지와 해결 방법</th></tr>"));
        foreach (var row in report.Attempts)
        {
            page.Append($"""
                <tr><td>{row.Attempt}</td><td class="name">{Text(row.Zone)}</td>
                <td class="name">{Text(row.AcceleratorType)}<br><small>{words.Name(row.Provisioning)}</small></td>
                <td><span class="badge {WireName.Of(row.Outcome)}">{words.Name(row.Outcome)}</span><br>
                <small>{row.Seconds:0.0}{words.Of(" s", "초")}</small></td>
                <td>{Refusal(row, words)}</td></tr>
                """);
        }

        page.Append("</table>");
        foreach (var row in report.Recoveries)
        {
            var end = row.Seconds is { } seconds
                ? words.Of($"back at work after {seconds:0.0} s", $"{seconds:0.0}초 뒤 작업을 재개했습니다")
                : words.Of("not recovered", "복구되지 않았습니다");
            page.Append(words.Of(
                $"<p>Lost the TPU in <b>{Text(row.Zone)}</b> ({Text(row.Cause)}): "
                + $"{Counted.Of(row.LostSteps, "step")} {(row.LostSteps == 1 ? "was" : "were")} done again, "
                + $"{end}.</p>",
                $"<p><b>{Text(row.Zone)}</b>의 TPU를 잃었습니다({Text(row.Cause)}). {row.LostSteps}스텝을 다시 수행했으며 "
                + $"{end}.</p>"));
        }

        page.Append("</section>");
    }

    private static string Refusal(AttemptRow row, Words words) => row.Code is null
        ? ""
        : $"<code>{Text(row.Code)}</code> ({(row.Scope is { } scope ? words.Name(scope) : "")})<br>"
            + $"{Said(row.Reason ?? "", words)}<br><small>{Said(row.Fix ?? "", words)}</small>";

    public static void RenderGivenBack(StringBuilder page, RunReport report, Words words)
    {
        page.Append($"<section><h2>{words.Of("Given back", "반납한 리소스")}</h2>");
        if (report.Teardown.Count == 0)
        {
            page.Append($"<p>{words.Of("No node was ever made.", "노드를 만든 적이 없습니다.")}</p></section>");
            return;
        }

        page.Append(words.Of(
            "<table><tr><th>node</th><th>zone</th><th>NOT_FOUND at (UTC)</th></tr>",
            "<table><tr><th>노드</th><th>영역</th><th>NOT_FOUND 확인(UTC)</th></tr>"));
        foreach (var row in report.Teardown)
        {
            page.Append($"<tr><td>{Text(row.Node[(row.Node.LastIndexOf('/') + 1)..])}</td><td>{Text(row.Zone)}</td>"
                + "<td>"
                + (row.DeletedAt?.ToString("HH:mm:ss", CultureInfo.InvariantCulture)
                    ?? words.Of("not proved", "확인되지 않음"))
                + "</td></tr>");
        }

        page.Append("</table>");
        if (report.IsDraft)
        {
            page.Append(words.Of(
                "<p><b>Not all nodes are gone yet</b>: they cost money until they are. "
                + "This page is written again when the cloud has confirmed it.</p>",
                "<p><b>아직 삭제되지 않은 노드가 있습니다.</b> 삭제될 때까지 비용이 발생합니다. "
                + "클라우드가 삭제를 확인하면 이 페이지를 다시 작성합니다.</p>"));
        }

        page.Append("</section>");
    }
}
