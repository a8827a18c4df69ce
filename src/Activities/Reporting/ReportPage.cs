using System.Globalization;
using System.Net;
using System.Reflection;
using System.Text;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.Translation;

namespace Workflows.Activities.Reporting;

/// <summary>Writes the report as one self-contained page, without scripts, fonts or pictures from elsewhere.</summary>
internal static class ReportPage
{
    internal static readonly string Style = ReadStyle();

    /// <summary>Writes the page.</summary>
    /// <param name="report">The report.</param>
    /// <param name="curve">The loss by step.</param>
    /// <param name="language">The language of the page's own words. Messages of the cloud and of checks stay as they
    /// are, and are marked as English.</param>
    public static string Render(
        RunReport report, IReadOnlyList<MetricPoint> curve, Language language = Language.English)
    {
        var page = new StringBuilder();
        var words = new Words(language);
        page.Append($$"""
            <!doctype html>
            <html lang="{{words.Tag}}"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>{{Text(report.Name)}} - {{words.Name(report.Status)}}</title>
            <style>{{Style}}</style></head><body><main>
            <header><p class="kind">
            {{words.Of("Fine-tuning run", "미세 조정 실행")}} {{report.RunId}}{{(report.IsRehearsal
                ? " &middot; " + words.Of("rehearsal", "리허설") : "")}}
            &middot; {{words.Of(
                $"<a href=\"{ReportFiles.KoreanPage}\" hreflang=\"ko\" lang=\"ko\">한국어</a>",
                $"<a href=\"{ReportFiles.Page}?lang=en\" hreflang=\"en\" lang=\"en\">English</a>")}}</p>
            <h1>{{Text(report.Name)}}</h1>
            {{Headline(report, words)}}</header>
            """);
        Failure(page, report, words);
        Stops(page, report, words);
        PersonRow.Write(page, report, words);
        Deadline(page, report, words);
        Numbers(page, report, words);
        ReportPageScores.Render(page, report, words);
        ReportPageCurve.Render(page, report, curve, words);
        Timeline(page, report, words);
        Estimate(page, report, words);
        MoveRow.Write(page, report, words);
        ReportPageZones.Render(page, report, words);
        ReportPageZones.RenderGivenBack(page, report, words);
        ReportPageCorpus.Render(page, report, words);
        ReportPageScores.RenderExamples(page, report, words);
        page.Append("</main></body></html>\n");
        return page.ToString();
    }

    /// <summary>
    /// Writes the verdict in its colour: green only for a finer translation, however the run itself ended.
    /// </summary>
    private static string Headline(RunReport report, Words words)
    {
        var verdicts = report.Verdicts.Count > 0 ? report.Verdicts : report.Verdict is { } one ? [one] : [];
        return report switch
        {
            { Status: RunStatus.Succeeded } when verdicts.Count > 0 => string.Concat(verdicts.Select(verdict =>
                Line(ClassOf(verdict.Outcome), verdicts.Count > 1
                    ? $"{verdict.Direction.Code()}: {VerdictWording.Of(verdict, words)}"
                    : VerdictWording.Of(verdict, words)))),
            { Status: RunStatus.Cancelled, IsDraft: true } =>
                Line("cancelled", words.Of(
                    "Cancelled; its nodes are still being given back.", "취소되었으며 노드를 아직 반납하고 있습니다.")),
            { Status: RunStatus.Failed, IsDraft: true } =>
                Line("failed", words.Of(
                    "Failed; its nodes are still being given back.", "실패했으며 노드를 아직 반납하고 있습니다.")),
            { Status: RunStatus.Cancelled } => Line("cancelled", words.Of(
                "Cancelled; everything was given back.", "취소되었으며 모든 리소스를 반납했습니다.")),
            { Status: RunStatus.Failed } => Line("failed", words.Of(
                "Failed; everything was given back.", "실패했으며 모든 리소스를 반납했습니다.")),
            _ => Line(WireName.Of(report.Status), words.Name(report.Status)),
        };
    }

    private static void Deadline(StringBuilder page, RunReport report, Words words)
    {
        if (report.Deadline is { } deadline)
        {
            var end = deadline switch
            {
                { IsMet: true, DoneAt: { } done } => words.Of(
                    $"met: the verdict was there at {Utc(done)}", $"지켰습니다. {Utc(done)}에 판정이 나왔습니다"),
                { DoneAt: { } done } => words.Of(
                    $"missed: the verdict was there at {Utc(done)}", $"지키지 못했습니다. {Utc(done)}에 판정이 나왔습니다"),
                _ => words.Of(
                    "missed: the run ended without a verdict", "지키지 못했습니다. 판정 없이 실행이 끝났습니다"),
            };
            var change = deadline is { SwitchedAt: { } at, SwitchReason: { } reason }
                ? words.Of(
                    $" On demand from {Utc(at)} ({words.Name(reason)}).",
                    $" {Utc(at)}부터 주문형 노드를 사용했습니다({words.Name(reason)}).")
                : "";
            page.Append(words.Of(
                $"<p>Deadline {Utc(deadline.At)}, {end}.{change}</p>\n",
                $"<p>기한 {Utc(deadline.At)}: {end}.{change}</p>\n"));
        }

        static string Utc(DateTimeOffset time) =>
            time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
    }

    private static string Line(string kind, string text) => $"<p class=\"status {kind}\">{Text(text)}</p>";

    private static string ClassOf(VerdictOutcome outcome) => outcome switch
    {
        VerdictOutcome.Finer => "finer",
        VerdictOutcome.Worse => "worse",
        _ => "undecided",
    };

    private static void Failure(StringBuilder page, RunReport report, Words words)
    {
        if (report.Failure is { } failure)
        {
            page.Append($"<section class=\"failure\"><h2>{words.Of("Why", "이유")}</h2>{Why(failure, words)}</section>");
        }

        if (report.Resume is { } command)
        {
            page.Append($"<section><p>{words.Of("Resume the run:", "실행을 이어가려면:")} "
                + $"<code>{Text(command)}</code></p></section>");
        }
    }

    /// <summary>Explains a failure in the reader's words first; the message and its fix, which have the figures, are
    /// English, and say so to others.</summary>
    internal static string Why(RunFailure failure, Words words) => words.Of(
        $"""

        <p><code>{Text(failure.Code)}</code> {Text(failure.Message)}</p>
        <p><b>What to do:</b> {Text(failure.Fix)}</p>
        """,
        $"""

        <p><code>{Text(failure.Code)}</code> {Text(FaultWords.Of(failure.Code, words.Language) ?? "")}</p>
        <p><b>{FaultWords.KoreanMessage}</b> {Said(failure.Message, words)}</p>
        <p><b>{FaultWords.KoreanFix}</b> {Said(failure.Fix, words)}</p>
        """);

    private static void Stops(StringBuilder page, RunReport report, Words words)
    {
        if (report.Stops is not { } stops)
        {
            return;
        }

        page.Append(words.Of(
            "<section><h2>Parts</h2><table><tr><th>stopped (UTC)</th><th>as</th><th class=\"n\">step</th>"
            + "<th class=\"n\">cost until then</th><th>resumed (UTC)</th><th>from step</th><th>changed</th></tr>",
            "<section><h2>구간</h2><table><tr><th>중지(UTC)</th><th>상태</th><th class=\"n\">스텝</th>"
            + "<th class=\"n\">그때까지의 비용</th><th>재개(UTC)</th><th>시작 스텝</th><th>변경 사항</th></tr>"));
        foreach (var row in stops)
        {
            page.Append($"""
                <tr><td>{(row.At is { } at ? $"{at:yyyy-MM-dd HH:mm:ss}" : words.Of("not known", "알 수 없음"))}</td>
                <td>{words.Name(row.Status)} {Text(row.Failure?.Code ?? "")}</td><td class="n">{row.Step}</td>
                <td class="n">${row.Usd:0.0000}</td><td>{row.ResumedAt:yyyy-MM-dd HH:mm:ss}</td>
                <td class="n">{row.CheckpointStep}</td>
                <td>{Text(string.Join(", ", row.Changes.Select(
                    change => words.Of(
                        $"{change.Field} {change.From ?? "none"} to {change.To ?? "none"}",
                        $"{change.Field} {change.From ?? "없음"} → {change.To ?? "없음"}"))))}</td></tr>
                """);
        }

        page.Append("</table></section>");
    }

    private static void Numbers(StringBuilder page, RunReport report, Words words)
    {
        page.Append("<section class=\"numbers\">");
        Number(page, words.Of("cost", "비용"), $"${report.Cost.Actual:0.00}", words.Of(
            $"estimated ${report.Cost.Estimated ?? 0:0.00}, budget ${report.Cost.Budget:0.00}",
            $"예상 ${report.Cost.Estimated ?? 0:0.00}, 예산 ${report.Cost.Budget:0.00}"));
        if (report.Cost.Egress is { } egress)
        {
            Number(page, words.Of("egress", "이그레스"), $"${egress.Usd:0.00}", words.Of(
                $"computed, not in the cost: {(egress.BytesRead + egress.BytesWritten) / 1e9:0.000} GB"
                + $"{(report.Cost.EstimatedEgressUsd is { } expected ? $", estimated ${expected:0.00}" : "")}",
                $"계산한 값이며 비용에 포함되지 않음: {(egress.BytesRead + egress.BytesWritten) / 1e9:0.000}GB"
                + $"{(report.Cost.EstimatedEgressUsd is { } guessed ? $", 예상 ${guessed:0.00}" : "")}"));
        }

        if (report.Cost is { EstimatedHours: { } planned, ActualHours: { } hours })
        {
            Number(
                page, words.Of("hours on TPUs", "TPU 사용 시간"), $"{hours:0.000}",
                words.Of($"estimated {planned:0.000}", $"예상 {planned:0.000}"));
        }

        if (report.Training is { } training)
        {
            var tokens = training.Tokens.ToString("N0", CultureInfo.InvariantCulture);
            var rate = training.TokensPerSecond.ToString("N0", CultureInfo.InvariantCulture);
            Number(page, words.Of("trained", "학습"), words.Count(training.Steps, "step", "스텝"),
                words.Of($"{tokens} tokens at {rate}/s", $"토큰 {tokens}개, 초당 {rate}개") + Method(training, words));
        }

        var skipped = report.Attempts.Count(row => row.Outcome == AttemptOutcome.Skipped);
        var refused = report.Attempts.Count(row => row.Outcome == AttemptOutcome.Refused);
        Number(page, words.Of("attempts", "시도"), $"{report.Attempts.Count - skipped}", words.Of(
            $"{refused} refused, "
            + $"{(skipped > 0 ? $"{skipped} not asked, " : "")}{Counted.Of(report.Recoveries.Count, "TPU")} lost",
            $"거부 {refused}건, {(skipped > 0 ? $"요청하지 않음 {skipped}건, " : "")}잃은 TPU {report.Recoveries.Count}개"));
        var gone = report.Teardown.Count(row => row.ConfirmedNotFound);
        Number(page, words.Of("left running", "남은 노드"), $"{report.Teardown.Count - gone}",
            words.Of($"{Counted.Of(gone, "node")} proved gone", $"노드 {gone}개의 삭제를 확인함"));
        page.Append("</section>");
    }

    private static string Method(TrainingSection training, Words words) => training switch
    {
        { Method: "lora", TrainedParameters: { } trained } =>
            words.Of(
                $", an adapter of {trained.ToString("N0", CultureInfo.InvariantCulture)} weights",
                $", 어댑터 가중치 {trained.ToString("N0", CultureInfo.InvariantCulture)}개"),
        _ => "",
    } + (training.Epochs is { } epochs
            ? string.Create(CultureInfo.InvariantCulture, $", {epochs:0.0}") + words.Of(" passes over the pairs", "에포크")
            : "")
        + (training.StoppedEarly ? words.Of(", stopped early", ", 조기 중단") : "")
        + (training.FinishedEarly ? words.Of(", ended early by a person", ", 사람이 조기 종료") : "")
        + (training.OutputStep is { } step && step != training.Steps
            ? words.Of($"; kept step {step}", $", {step}스텝의 가중치를 사용") : "");

    private static void Number(StringBuilder page, string label, string value, string detail) => page.Append(
        $"<div><span>{label}</span><strong>{value}</strong><small>{detail}</small></div>");

    private static void Timeline(StringBuilder page, RunReport report, Words words)
    {
        var total = Math.Max(1e-9, report.Stages.Sum(stage => stage.Seconds));
        page.Append($"<section><h2>{words.Of("Stages", "단계")}</h2><div class=\"timeline\" aria-hidden=\"true\">");
        foreach (var stage in report.Stages)
        {
            var share = Num(Math.Max(stage.Seconds / total, 0.005));
            page.Append($"<div class=\"{WireName.Of(stage.Stage)}\" style=\"flex-grow:{share}\""
                + $" title=\"{words.Name(stage.Stage)}: {stage.Seconds:0.0} {words.Of("s", "초")}\"></div>");
        }

        page.Append(words.Of(
            "</div><table><tr><th>stage</th><th>began (UTC)</th><th class=\"n\">seconds</th>"
            + "<th class=\"n\">cost</th></tr>",
            "</div><table><tr><th>단계</th><th>시작(UTC)</th><th class=\"n\">초</th><th class=\"n\">비용</th></tr>"));
        var counted = new HashSet<RunStageName>();
        foreach (var stage in report.Stages)
        {
            // The cost of a stage is that of all parts of a run together.
            var usd = counted.Add(stage.Stage)
                ? string.Create(
                    CultureInfo.InvariantCulture, $"${report.Cost.ByStage.GetValueOrDefault(stage.Stage):0.0000}")
                : "";
            page.Append($"""
                <tr><td><i class="dot {WireName.Of(stage.Stage)}"></i>{words.Name(stage.Stage)}</td>
                <td>{stage.At:HH:mm:ss}</td>
                <td class="n">{stage.Seconds:0.0}</td>
                <td class="n">{usd}</td></tr>
                """);
        }

        page.Append("</table>");
        if (report.Compile is { } programs)
        {
            page.Append(words.Of(
                $"<p>{Counted.Of(programs.Compiled, "program")} compiled for the device, "
                + $"{programs.Loaded} loaded that were compiled before, in {programs.Seconds:0.0} s.</p>",
                $"<p>기기용 프로그램 {programs.Compiled}개를 컴파일하고 이미 컴파일된 {programs.Loaded}개를 불러오는 데 "
                + $"{programs.Seconds:0.0}초가 걸렸습니다.</p>"));
        }

        page.Append("</section>");
    }

    private static void Estimate(StringBuilder page, RunReport report, Words words)
    {
        if (report.Cost.Parts is not { } parts)
        {
            return;
        }

        page.Append(words.Of(
            "<section><h2>Estimate and outcome</h2><table><tr><th>time on TPUs</th>"
            + "<th class=\"n\">estimated</th><th class=\"n\">actual</th><th>why they differ</th></tr>",
            "<section><h2>예상과 결과</h2><table><tr><th>TPU 사용 시간</th>"
            + "<th class=\"n\">예상</th><th class=\"n\">실제</th><th>차이가 나는 이유</th></tr>"));
        var unit = words.Of(" s", "초");
        foreach (var row in parts)
        {
            var actual = row.Actual is { } seconds ? $"{seconds:0.0}{unit}" : "";
            page.Append($"""
                <tr><td>{Text(PartOf(row.Part, words))}</td><td class="n">{row.Estimated:0.0}{unit}</td>
                <td class="n">{actual}</td><td>{EstimateWords.Html(row.Why, words)}</td></tr>
                """);
        }

        page.Append($"</table><p class=\"fine\">{Said(report.Cost.Basis ?? "", words)}</p>");
        AlternativeRow.Write(page, report, words);
        TranslationPrice.Write(page, report, words);
        page.Append("</section>");
    }

    /// <summary>Marks a message of the cloud or of a check as what it is in every language: English.</summary>
    internal static string Said(string text, Words words) => text.Length == 0 ? ""
        : words.Of(Text(text), $"<span lang=\"en\">{Text(text)}</span>");

    private static string PartOf(string part, Words words) => words.Of(part, part switch
    {
        "train" => "학습",
        "evaluate" => "평가",
        "rest" => "그 밖의 시간",
        _ => part,
    });

    /// <summary>
    /// Encodes text for the page. Control characters, which HTML does not have and a terminal that shows the file would
    /// execute, are written as their code points; so are those that change the order of words.
    /// </summary>
    internal static string Text(string text)
    {
        var shown = new StringBuilder();
        foreach (var character in WebUtility.HtmlEncode(text))
        {
            _ = character is not ('\n' or '\t')
                && (char.IsControl(character) || character is (>= '\u202a' and <= '\u202e')
                    or (>= '\u2066' and <= '\u2069'))
                ? shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}")
                : shown.Append(character);
        }

        return shown.ToString();
    }

    internal static string Num(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);

    private static string ReadStyle()
    {
        using var stream = Assembly.GetExecutingAssembly()
            .GetManifestResourceStream("Workflows.Activities.report.css")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
