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

    public static string Render(RunReport report, IReadOnlyList<MetricPoint> curve)
    {
        var page = new StringBuilder();
        page.Append($$"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{{Text(report.Name)}} - {{WireName.Of(report.Status)}}</title>
            <style>{{Style}}</style></head><body><main>
            <header><p class="kind">
            Fine-tuning run {{report.RunId}}{{(report.IsRehearsal ? " &middot; rehearsal" : "")}}</p>
            <h1>{{Text(report.Name)}}</h1>
            {{Headline(report)}}</header>
            """);
        Failure(page, report);
        Stops(page, report);
        Deadline(page, report);
        Numbers(page, report);
        ReportPageScores.Render(page, report);
        ReportPageCurve.Render(page, report, curve);
        Timeline(page, report);
        Estimate(page, report);
        Attempts(page, report);
        Money(page, report);
        ReportPageCorpus.Render(page, report);
        ReportPageScores.RenderExamples(page, report);
        page.Append("</main></body></html>\n");
        return page.ToString();
    }

    /// <summary>
    /// Writes the verdict in its colour: green only for a finer translation, however the run itself ended.
    /// </summary>
    private static string Headline(RunReport report)
    {
        var verdicts = report.Verdicts.Count > 0 ? report.Verdicts : report.Verdict is { } one ? [one] : [];
        return report switch
        {
            { Status: RunStatus.Succeeded } when verdicts.Count > 0 => string.Concat(verdicts.Select(verdict =>
                Line(ClassOf(verdict.Outcome), verdicts.Count > 1
                    ? $"{verdict.Direction.Code()}: {verdict.Summary}"
                    : verdict.Summary))),
            { Status: RunStatus.Cancelled, IsDraft: true } =>
                Line("cancelled", "Cancelled; its nodes are still being given back."),
            { Status: RunStatus.Failed, IsDraft: true } =>
                Line("failed", "Failed; its nodes are still being given back."),
            { Status: RunStatus.Cancelled } => Line("cancelled", "Cancelled; everything was given back."),
            { Status: RunStatus.Failed } => Line("failed", "Failed; everything was given back."),
            _ => Line(WireName.Of(report.Status), WireName.Of(report.Status)),
        };
    }

    private static void Deadline(StringBuilder page, RunReport report)
    {
        if (report.Deadline is { } deadline)
        {
            var end = deadline switch
            {
                { IsMet: true, DoneAt: { } done } => $"met: the verdict was there at {Utc(done)}",
                { DoneAt: { } done } => $"missed: the verdict was there at {Utc(done)}",
                _ => "missed: the run ended without a verdict",
            };
            var change = deadline is { SwitchedAt: { } at, SwitchReason: { } reason }
                ? $" On demand from {Utc(at)} ({WireName.Of(reason)})." : "";
            page.Append($"<p>Deadline {Utc(deadline.At)}, {end}.{change}</p>\n");
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

    private static void Failure(StringBuilder page, RunReport report)
    {
        if (report.Failure is { } failure)
        {
            page.Append($"""
                <section class="failure"><h2>Why</h2><p><code>{Text(failure.Code)}</code> {Text(failure.Message)}</p>
                <p><b>What to do:</b> {Text(failure.Fix)}</p></section>
                """);
        }

        if (report.Resume is { } command)
        {
            page.Append($"<section><p>Resume the run: <code>{Text(command)}</code></p></section>");
        }
    }

    private static void Stops(StringBuilder page, RunReport report)
    {
        if (report.Stops is not { } stops)
        {
            return;
        }

        page.Append("<section><h2>Parts</h2><table><tr><th>stopped (UTC)</th><th>as</th><th class=\"n\">step</th>"
            + "<th class=\"n\">cost until then</th><th>resumed (UTC)</th><th>from step</th><th>changed</th></tr>");
        foreach (var row in stops)
        {
            page.Append($"""
                <tr><td>{(row.At is { } at ? $"{at:yyyy-MM-dd HH:mm:ss}" : "not known")}</td>
                <td>{WireName.Of(row.Status)} {Text(row.Failure?.Code ?? "")}</td><td class="n">{row.Step}</td>
                <td class="n">${row.Usd:0.0000}</td><td>{row.ResumedAt:yyyy-MM-dd HH:mm:ss}</td>
                <td class="n">{row.CheckpointStep}</td>
                <td>{Text(string.Join(", ", row.Changes.Select(
                    change => $"{change.Field} {change.From ?? "none"} to {change.To ?? "none"}")))}</td></tr>
                """);
        }

        page.Append("</table></section>");
    }

    private static void Numbers(StringBuilder page, RunReport report)
    {
        page.Append("<section class=\"numbers\">");
        Number(page, "cost", $"${report.Cost.Actual:0.00}",
            $"estimated ${report.Cost.Estimated ?? 0:0.00}, budget ${report.Cost.Budget:0.00}");
        if (report.Cost is { EstimatedHours: { } planned, ActualHours: { } hours })
        {
            Number(page, "hours on TPUs", $"{hours:0.000}", $"estimated {planned:0.000}");
        }

        if (report.Training is { } training)
        {
            Number(page, "trained", Counted.Of(training.Steps, "step"),
                $"{training.Tokens.ToString("N0", CultureInfo.InvariantCulture)} tokens at "
                + $"{training.TokensPerSecond.ToString("N0", CultureInfo.InvariantCulture)}/s{Method(training)}");
        }

        var skipped = report.Attempts.Count(row => row.Outcome == AttemptOutcome.Skipped);
        Number(page, "attempts", $"{report.Attempts.Count - skipped}",
            $"{report.Attempts.Count(row => row.Outcome == AttemptOutcome.Refused)} refused, "
            + $"{(skipped > 0 ? $"{skipped} not asked, " : "")}{Counted.Of(report.Recoveries.Count, "TPU")} lost");
        Number(page, "left running", $"{report.Teardown.Count(row => !row.ConfirmedNotFound)}",
            $"{Counted.Of(report.Teardown.Count(row => row.ConfirmedNotFound), "node")} proved gone");
        page.Append("</section>");
    }

    private static string Method(TrainingSection training) => training switch
    {
        { Method: "lora", TrainedParameters: { } trained } =>
            $", an adapter of {trained.ToString("N0", CultureInfo.InvariantCulture)} weights",
        _ => "",
    } + (training.Epochs is { } epochs
            ? string.Create(CultureInfo.InvariantCulture, $", {epochs:0.0} passes over the pairs")
            : "")
        + (training.StoppedEarly ? ", stopped early" : "")
        + (training.OutputStep is { } step && step != training.Steps ? $"; kept step {step}" : "");

    private static void Number(StringBuilder page, string label, string value, string detail) => page.Append(
        $"<div><span>{label}</span><strong>{value}</strong><small>{detail}</small></div>");

    private static void Timeline(StringBuilder page, RunReport report)
    {
        var total = Math.Max(1e-9, report.Stages.Sum(stage => stage.Seconds));
        page.Append("<section><h2>Stages</h2><div class=\"timeline\">");
        foreach (var stage in report.Stages)
        {
            var share = Num(Math.Max(stage.Seconds / total, 0.005));
            page.Append($"<div class=\"{WireName.Of(stage.Stage)}\" style=\"flex-grow:{share}\""
                + $" title=\"{WireName.Of(stage.Stage)}: {stage.Seconds:0.0} s\"></div>");
        }

        page.Append("</div><table><tr><th>stage</th><th>began (UTC)</th><th class=\"n\">seconds</th>"
            + "<th class=\"n\">cost</th></tr>");
        var counted = new HashSet<RunStageName>();
        foreach (var stage in report.Stages)
        {
            // The cost of a stage is that of all parts of a run together.
            var usd = counted.Add(stage.Stage)
                ? string.Create(
                    CultureInfo.InvariantCulture, $"${report.Cost.ByStage.GetValueOrDefault(stage.Stage):0.0000}")
                : "";
            page.Append($"""
                <tr><td><i class="dot {WireName.Of(stage.Stage)}"></i>{WireName.Of(stage.Stage)}</td>
                <td>{stage.At:HH:mm:ss}</td>
                <td class="n">{stage.Seconds:0.0}</td>
                <td class="n">{usd}</td></tr>
                """);
        }

        page.Append("</table>");
        if (report.Compile is { } programs)
        {
            page.Append($"<p>{Counted.Of(programs.Compiled, "program")} compiled for the device, "
                + $"{programs.Loaded} loaded that were compiled before, in {programs.Seconds:0.0} s.</p>");
        }

        page.Append("</section>");
    }

    private static void Estimate(StringBuilder page, RunReport report)
    {
        if (report.Cost.Parts is not { } parts)
        {
            return;
        }

        page.Append("<section><h2>Estimate and outcome</h2><table><tr><th>time on TPUs</th>"
            + "<th class=\"n\">estimated</th><th class=\"n\">actual</th><th>why they differ</th></tr>");
        foreach (var row in parts)
        {
            page.Append($"""
                <tr><td>{Text(row.Part)}</td><td class="n">{row.Estimated:0.0} s</td>
                <td class="n">{(row.Actual is { } actual ? $"{actual:0.0} s" : "")}</td><td>{Text(row.Why)}</td></tr>
                """);
        }

        page.Append($"</table><p class=\"fine\">{Text(report.Cost.Basis ?? "")}</p></section>");
    }

    private static void Attempts(StringBuilder page, RunReport report)
    {
        if (report.Attempts.Count == 0)
        {
            return;
        }

        page.Append("<section><h2>Zones</h2><table><tr><th>#</th><th>zone</th><th>accelerator</th><th>outcome</th>"
            + "<th>the cloud's words, and what to do</th></tr>");
        foreach (var row in report.Attempts)
        {
            page.Append($"""
                <tr><td>{row.Attempt}</td><td class="name">{Text(row.Zone)}</td>
                <td class="name">{Text(row.AcceleratorType)}<br><small>{WireName.Of(row.Provisioning)}</small></td>
                <td><span class="badge {WireName.Of(row.Outcome)}">{WireName.Of(row.Outcome)}</span><br>
                <small>{row.Seconds:0.0} s</small></td>
                <td>{Refusal(row)}</td></tr>
                """);
        }

        page.Append("</table>");
        foreach (var row in report.Recoveries)
        {
            var end = row.Seconds is { } seconds ? $"back at work after {seconds:0.0} s" : "not recovered";
            page.Append($"<p>Lost the TPU in <b>{Text(row.Zone)}</b> ({Text(row.Cause)}): "
                + $"{Counted.Of(row.LostSteps, "step")} {(row.LostSteps == 1 ? "was" : "were")} done again, "
                + $"{end}.</p>");
        }

        page.Append("</section>");
    }

    private static string Refusal(AttemptRow row) => row.Code is null
        ? ""
        : $"<code>{Text(row.Code)}</code> ({row.Scope?.ToString().ToLowerInvariant()})<br>{Text(row.Reason ?? "")}"
            + $"<br><small>{Text(row.Fix ?? "")}</small>";

    private static void Money(StringBuilder page, RunReport report)
    {
        page.Append("<section><h2>Given back</h2>");
        if (report.Teardown.Count == 0)
        {
            page.Append("<p>No node was ever made.</p></section>");
            return;
        }

        page.Append("<table><tr><th>node</th><th>zone</th><th>NOT_FOUND at (UTC)</th></tr>");
        foreach (var row in report.Teardown)
        {
            page.Append($"<tr><td>{Text(row.Node[(row.Node.LastIndexOf('/') + 1)..])}</td><td>{Text(row.Zone)}</td>"
                + $"<td>{row.DeletedAt?.ToString("HH:mm:ss", CultureInfo.InvariantCulture) ?? "not proved"}</td></tr>");
        }

        page.Append("</table>");
        if (report.IsDraft)
        {
            page.Append("<p><b>Not all nodes are gone yet</b>: they cost money until they are. "
                + "This page is written again when the cloud has confirmed it.</p>");
        }

        page.Append("</section>");
    }

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
