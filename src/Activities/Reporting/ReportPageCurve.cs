using System.Globalization;
using System.Text;
using Workflows.Activities.Training;
using static Workflows.Activities.Reporting.ReportPage;

namespace Workflows.Activities.Reporting;

/// <summary>Draws the training loss and the measurements on the validation pairs by step.</summary>
internal static class ReportPageCurve
{
    private const double Width = 900, Height = 260, Left = 46, Right = 46, Bottom = 30, Top = 12;
    private const int Ticks = 4;

    public static void Render(
        StringBuilder page, RunReport report, IReadOnlyList<MetricPoint> curve, Words words)
    {
        var notes = VerdictWording.ManyEpochs(report.Training?.Epochs, words.Language).ToList();
        if (curve.Count < 2 && report.Validations.Count == 0 && notes.Count == 0)
        {
            return;
        }

        page.Append($"<section><h2>{words.Of("Loss", "손실")}</h2>");
        if (curve.Count >= 2)
        {
            Draw(page, report, curve, words);
        }

        Table(page, report, words);
        foreach (var note in notes)
        {
            page.Append($"<p class=\"fine\">{words.Of("Note", "참고")}: {Text(note)}.</p>");
        }

        page.Append("</section>");
    }

    private static void Draw(
        StringBuilder page, RunReport report, IReadOnlyList<MetricPoint> curve, Words words)
    {
        // chrF has another unit, so it has an axis of its own, on the right, from 0 to 100.
        var isChrf = report.Validations is [{ Metric: "chrf" }, ..];
        var losses = curve.Select(point => point.Loss)
            .Concat(isChrf ? [] : report.Validations.Select(point => point.Score)).ToList();
        var (most, least) = (losses.Max(), Math.Min(0, losses.Min()));
        var steps = Math.Max(1, Math.Max(curve[^1].Steps, curve[^1].Step));
        double X(double step) => Left + (Width - Left - Right) * step / steps;
        double Y(double share) => Top + (Height - Top - Bottom) * (1 - share);
        double OfLoss(double loss) => Y((loss - least) / Math.Max(1e-9, most - least));
        double OfScore(double score) => isChrf ? Y(score / 100) : OfLoss(score);

        page.Append($"""
            <svg viewBox="0 0 {Width} {Height}" role="img" aria-label="{words.Of(
                "training loss and validation by step", "스텝별 학습 손실과 검증 결과")}">
            """);
        for (var tick = 0; tick <= Ticks; tick++)
        {
            var y = Y((double)tick / Ticks);
            page.Append($"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Num(y)}\" y2=\"{Num(y)}\"/>");
            Label(page, Left - 6, y + 4, "end", Figure(least + (most - least) * tick / Ticks));
            Label(page, X((double)steps * tick / Ticks), Height - 8, "middle", $"{(long)steps * tick / Ticks}");
            if (isChrf)
            {
                Label(page, Width - Right + 6, y + 4, "start", $"{100 * tick / Ticks}");
            }
        }

        Line(page, "", curve.Select(point => (X(point.Step), OfLoss(point.Loss))));
        Line(page, "validation", report.Validations.Select(point => (X(point.Step), OfScore(point.Score))));
        foreach (var point in report.Validations)
        {
            page.Append($"<circle class=\"validation\" r=\"4\" cx=\"{Num(X(point.Step))}\" "
                + $"cy=\"{Num(OfScore(point.Score))}\"><title>{words.Of("step", "스텝")} {point.Step}: "
                + $"{Num(point.Score)}</title></circle>");
        }

        foreach (var loss in report.Recoveries.Where(loss => loss.FromStep > 0))
        {
            var x = Num(X(loss.FromStep));
            page.Append($"<line class=\"loss\" x1=\"{x}\" x2=\"{x}\" y1=\"{Top}\" y2=\"{Height - Bottom}\"/>"
                + $"<text x=\"{x}\" y=\"{Top + 10}\" dx=\"5\">"
                + $"{words.Of("resumed on another TPU", "다른 TPU에서 재개")}</text>");
        }

        var last = report.Training?.FinalLoss ?? curve[^1].Loss;
        page.Append("</svg><p class=\"fine\">" + words.Of(
            $"Cross-entropy in nats by optimizer step, from {curve[0].Loss:0.000}"
            + $" to {last:0.000} (mean of the last steps).",
            $"최적화 스텝별 교차 엔트로피(nat): {curve[0].Loss:0.000}에서 {last:0.000}(마지막 스텝들의 평균)까지."));
        if (report.Validations.Count > 0)
        {
            page.Append(isChrf
                ? words.Of(
                    " Points: chrF of the validation pairs, axis on the right.", " 점: 검증 쌍의 chrF(오른쪽 축).")
                : words.Of(" Points: mean cross-entropy of the validation pairs.", " 점: 검증 쌍의 평균 교차 엔트로피."));
        }

        page.Append("</p>");
    }

    private static void Table(StringBuilder page, RunReport report, Words words)
    {
        if (report.Validations is not [var first, ..] all)
        {
            return;
        }

        var metric = first.Metric == "chrf" ? "chrF" : words.Of("loss", "손실");
        page.Append($"<table><tr><th>{words.Of("step", "스텝")}</th>"
            + $"<th>{words.Of("validation", "검증")} {metric}</th></tr>");
        foreach (var point in all)
        {
            page.Append($"<tr><td>{point.Step}</td><td>{Num(point.Score)}"
                + $"{(point.Step == report.Training?.OutputStep ? words.Of(" (kept)", " (사용)") : "")}</td></tr>");
        }

        page.Append("</table>");
    }

    private static void Line(StringBuilder page, string kind, IEnumerable<(double X, double Y)> points)
    {
        var text = string.Join(" ", points.Select(point => $"{Num(point.X)},{Num(point.Y)}"));
        page.Append(text.Length == 0 ? "" : $"<polyline class=\"{kind}\" points=\"{text}\"/>");
    }

    private static void Label(StringBuilder page, double x, double y, string anchor, string text) =>
        page.Append($"<text x=\"{Num(x)}\" y=\"{Num(y)}\" text-anchor=\"{anchor}\">{text}</text>");

    private static string Figure(double loss) => loss.ToString("0.0", CultureInfo.InvariantCulture);
}
