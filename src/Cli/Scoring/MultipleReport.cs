using Workflows.Translation.Metrics;

namespace Workflows.Cli.Scoring;

/// <summary>Prints several systems side by side, without a test.</summary>
internal static class MultipleReport
{
    public static void Print(
        ScoreSettings settings, IReadOnlyList<string> names, TextWriter output, IReadOnlyList<MetricTable> tables)
    {
        if (settings.IsJson)
        {
            output.Write(Json(names, tables,
                cell => PythonJson.Text(ScoreText.Fixed(cell.Score, settings.Width), isAscii: true)) + "\n");
            return;
        }

        var rows = names.Select((name, i) => (string[])
            [name, .. tables.Select(table => ScoreText.Fixed(table.Cells[i].Score, settings.Width))]);
        output.Write(FancyGrid.Draw(["System", .. tables.Select(table => table.Metric)], [.. rows]) + "\n\n");
        PrintSignatures(output, tables);
    }

    public static string Json(
        IReadOnlyList<string> names, IReadOnlyList<MetricTable> tables, Func<MetricCell, string> write) =>
        "[\n" + string.Join(",\n", names.Select((name, i) =>
            $"    {{\n        \"system\": {PythonJson.Text(name, isAscii: true)},\n"
            + string.Join(",\n", tables.Select(table => $"        \"{table.Metric}\": {write(table.Cells[i])}"))
            + "\n    }")) + "\n]";

    public static void PrintSignatures(TextWriter output, IReadOnlyList<MetricTable> tables)
    {
        output.Write("-----------------\nMetric signatures\n-----------------\n");
        foreach (var table in tables)
        {
            output.Write($" - {table.Metric,-10} {table.Signature}\n");
        }
    }
}
