using System.Globalization;
using System.Text;

namespace Workflows.Capacity.Bench.Output;

/// <summary>
/// Draws the mean cost over the deadline, one panel for each set of zones, as SVG. A hollow point has missed deadlines.
/// </summary>
internal static class ComparisonPlot
{
    private const double PanelWidth = 330, PanelHeight = 300, Left = 56, Top = 50, Between = 40;

    private static readonly string[] Colours =
        ["#c2185b", "#212121", "#757575", "#1565c0", "#00838f", "#6d4c41", "#ef6c00", "#f9a825", "#7b1fa2", "#2e7d32"];

    /// <summary>Draws the plot.</summary>
    /// <param name="rows">The jobs.</param>
    public static string Svg(IReadOnlyList<ComparisonRow> rows)
    {
        var sets = rows.Select(row => row.Zones).Distinct().ToList();
        var width = Left + sets.Count * (PanelWidth + Between);
        var most = Math.Ceiling(rows.GroupBy(row => (row.Zones, row.Slack, row.Policy))
            .Max(group => group.Average(row => row.Outcome.Usd)) / 20) * 20;
        var text = new StringBuilder(string.Create(
            CultureInfo.InvariantCulture,
            $"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:0} {Top + PanelHeight + 130:0}' "
            + $"font-family='sans-serif' font-size='12'>\n<rect width='100%' height='100%' fill='white'/>\n"));
        for (var index = 0; index < sets.Count; index++)
        {
            Panel(text, [.. rows.Where(row => row.Zones == sets[index])], Left + index * (PanelWidth + Between), most);
        }

        Legend(text);
        return text.Append("</svg>\n").ToString();
    }

    private static void Panel(StringBuilder text, List<ComparisonRow> rows, double left, double most)
    {
        Text(
            text, left + PanelWidth / 2, Top - 18, "middle",
            rows[0].Zones == 1 ? "1 zone" : $"{rows[0].Zones} zones");
        for (double usd = 0; usd <= most; usd += 20)
        {
            Line(text, left, Y(usd), left + PanelWidth, Y(usd), "#e0e0e0");
            Text(text, left - 6, Y(usd) + 4, "end", string.Create(CultureInfo.InvariantCulture, $"{usd:0}"));
        }

        foreach (var slack in Comparison.Slacks)
        {
            Line(text, X(slack), Top, X(slack), Top + PanelHeight, "#f2f2f2");
            Text(
                text, X(slack), Top + PanelHeight + 16, "middle",
                string.Create(CultureInfo.InvariantCulture, $"{slack}"));
        }

        Text(text, left + PanelWidth / 2, Top + PanelHeight + 34, "middle", "deadline over work (12 h)");
        Text(text, left - 6, Top - 8, "end", "USD");
        foreach (var policy in Comparison.Policies.Reverse())
        {
            var colour = ColourOf(policy);
            var points = rows.Where(row => row.Policy == policy).GroupBy(row => row.Slack).OrderBy(group => group.Key)
                .Select(group => (
                    X: X(group.Key), Y: Y(group.Average(row => row.Outcome.Usd)),
                    IsMissed: group.Any(row => row.IsMissed))).ToList();
            text.Append(CultureInfo.InvariantCulture, $"<polyline fill='none' stroke='{colour}' stroke-width='2'")
                .Append(policy is Comparison.Optimal or Comparison.Paying ? " stroke-dasharray='5 4'" : "")
                .Append(" points='")
                .AppendJoin(' ', points.Select(point => string.Create(
                    CultureInfo.InvariantCulture, $"{point.X:0.0},{point.Y:0.0}"))).Append("'/>\n");
            foreach (var (x, y, isMissed) in points)
            {
                text.Append(CultureInfo.InvariantCulture, $"<circle cx='{x:0.0}' cy='{y:0.0}' r='3.5' ")
                    .Append(CultureInfo.InvariantCulture, $"stroke='{colour}' ")
                    .Append(CultureInfo.InvariantCulture, $"fill='{(isMissed ? "white" : colour)}'/>\n");
            }
        }

        double X(double slack) => left + Math.Log(slack / 1.05) / Math.Log(3.15 / 1.05) * PanelWidth;

        double Y(double usd) => Top + PanelHeight - usd / most * PanelHeight;
    }

    private static void Legend(StringBuilder text)
    {
        for (var index = 0; index < Comparison.Policies.Count; index++)
        {
            var (x, y) = (Left + index % 5 * 232, Top + PanelHeight + 62 + index / 5 * 22);
            Line(text, x, y - 4, x + 22, y - 4, ColourOf(Comparison.Policies[index]), 3);
            Text(text, x + 28, y, "start", Comparison.Policies[index]);
        }

        Text(text, Left, Top + PanelHeight + 112, "start", "A hollow point: some of its jobs missed the deadline.");
    }

    private static string ColourOf(string policy) => Colours[Comparison.Policies.ToList().IndexOf(policy)];

    private static void Line(
        StringBuilder text, double x1, double y1, double x2, double y2, string colour, double width = 1) =>
        text.Append(CultureInfo.InvariantCulture, $"<line x1='{x1:0.0}' y1='{y1:0.0}' x2='{x2:0.0}' y2='{y2:0.0}' ")
            .Append(CultureInfo.InvariantCulture, $"stroke='{colour}' stroke-width='{width}'/>\n");

    private static void Text(StringBuilder text, double x, double y, string anchor, string content) =>
        text.Append(CultureInfo.InvariantCulture, $"<text x='{x:0.0}' y='{y:0.0}' text-anchor='{anchor}'>")
            .Append(content).Append("</text>\n");
}
