using System.Text;
using Workflows.Translation.Metrics;

namespace Workflows.Cli.Scoring;

/// <summary>One score as sacreBLEU prints it, as a line or as JSON.</summary>
internal sealed record PrintedScore(MetricScore Score, double? Mean, double? HalfWidth, string Signature)
{
    // Short names of a signature's parts; names that are short already are not listed.
    private static readonly Dictionary<string, string> Short = new(StringComparer.Ordinal)
    {
        ["nrefs"] = "#",
        ["seed"] = "rs",
        ["case"] = "c",
        ["eff"] = "e",
        ["smooth"] = "s",
        ["space"] = "s",
        ["norm"] = "nr",
        ["punct"] = "pn",
        ["asian"] = "as",
        ["version"] = "v",
    };

    public static string Shorten(string metric, string signature) => string.Join('|', signature.Split('|').Select(
        part =>
        {
            var (name, value) = Parts(part);
            return $"{(name == "tok" && metric == "TER" ? "t" : Short.GetValueOrDefault(name, name))}:{value}";
        }));

    /// <summary>Formats the number, with the interval if there is one.</summary>
    public string Number(int width)
    {
        var text = ScoreText.Fixed(Score.Score, width);
        return Interval(width) is { } interval ? $"{text} ({interval})" : text;
    }

    public string Line(int width, bool isScoreOnly)
    {
        var line = $"{Score.Name}|{Signature} = {Number(width)}";
        return isScoreOnly ? Number(width) : Details() is { } details ? $"{line} {details}" : line;
    }

    public string Json(int width)
    {
        var fields = new List<(string Name, string Value)>
        {
            ("name", Quoted(Score.Name)),
            ("score", Rounded(Score.Score, width)),
            ("signature", Quoted(Signature)),
        };
        if (Interval(width) is { } interval)
        {
            fields.Add(("confidence_mean", Rounded(Mean!.Value, width)));
            fields.Add(("confidence_var", Rounded(HalfWidth!.Value, width)));
            fields.Add(("confidence", Quoted(interval)));
        }

        if (Details() is { } details)
        {
            fields.Add(("verbose_score", Quoted(details)));
        }

        fields.AddRange(Signature.Split('|').Select(Parts).Select(part => (part.Name, Quoted(part.Value))));
        return new StringBuilder("{\n")
            .AppendJoin(",\n", fields.Select(field => $" {Quoted(field.Name)}: {field.Value}"))
            .Append("\n}").ToString();
    }

    private static (string Name, string Value) Parts(string part)
    {
        var at = part.IndexOf(':', StringComparison.Ordinal);
        return (part[..at], part[(at + 1)..]);
    }

    private static string Quoted(string text) => PythonJson.Text(text, isAscii: false);

    private static string Rounded(double value, int width) =>
        PythonJson.Number(double.Parse(ScoreText.Fixed(value, width)));

    private string? Interval(int width) => Mean is > 0
        ? $"μ = {ScoreText.Fixed(Mean.Value, width)} ± {ScoreText.Fixed(HalfWidth ?? 0, width)}" : null;

    private string? Details()
    {
        if (Score is not BleuScore bleu)
        {
            return null;
        }

        var ratio = bleu.ReferenceLength > 0 ? (double)bleu.HypothesisLength / bleu.ReferenceLength : 0;
        return string.Join('/', bleu.Precisions.Select(precision => ScoreText.Fixed(precision, 1)))
            + $" (BP = {ScoreText.Fixed(bleu.BrevityPenalty, 3)} ratio = {ScoreText.Fixed(ratio, 3)}"
            + $" hyp_len = {bleu.HypothesisLength} ref_len = {bleu.ReferenceLength})";
    }
}
