using System.Globalization;
using Workflows.Activities.Reporting;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;
using Workflows.Service.Runs;
using Workflows.Translation;

namespace Workflows.Cli.Watching;

/// <summary>Formats the variants of a run, for people.</summary>
internal static class VariantText
{
    public static string Begun(VariantBegun variant) =>
        $"variant     {variant.Name} begins{(variant.Part > 1 ? $" its part {variant.Part}" : "")}: {variant.RunId}";

    public static string Ended(VariantEnd end) => string.Create(
        CultureInfo.InvariantCulture,
        $"variant     {end.Name} {WireName.Of(end.Status)} after {end.Usd:0.0000} USD")
        + (end.Failure is { } failure ? $"; {failure.Code}: {failure.Message}" : "");

    /// <summary>Formats the work of all variants that are under way.</summary>
    /// <returns>One line; null for a run without variants.</returns>
    public static string? Progress(RunView run)
    {
        if (run.Variants is not { } variants)
        {
            return null;
        }

        var under = variants.Where(IsUnderWay).Select(variant => variant switch
        {
            { Step: { } step, Steps: > 0 and var steps } =>
                $"{variant.Name} {WireName.Of(variant.Stage)} {step}/{steps}",
            _ => $"{variant.Name} {WireName.Of(variant.Stage)}",
        }).ToList();
        return $"{variants.Count(variant => variant.Status == RunStatus.Succeeded)} of "
            + $"{Counted.Of(variants.Count, "variant")} done{(under.Count > 0 ? "; " : "")}{string.Join(", ", under)}";
    }

    /// <summary>Formats one line for each variant.</summary>
    /// <returns>The lines; none for a run without variants.</returns>
    public static IEnumerable<string> Lines(RunView run) => (run.Variants ?? []).Select(variant =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"  {variant.Name,-20} {WireName.Of(variant.Status),-10} {variant.AccruedUsd,9:0.0000} USD  {variant.Id}")
        + (variant.Failure is { } failure ? $"  {failure.Code}"
            : IsUnderWay(variant) ? $"  {WireName.Of(variant.Stage)}: {variant.Detail}" : ""));

    /// <summary>Writes the comparison at the end.</summary>
    /// <param name="comparison">The comparison.</param>
    /// <param name="output">Receives the text.</param>
    /// <param name="options">Options with which a further command finds the run, after a space; empty for none.</param>
    public static void Write(VariantComparison comparison, TextWriter output, string options = "")
    {
        var text = new StringWriter { NewLine = "\n" };
        Compose(comparison, text, options);
        output.Write(TerminalText.Of(text.ToString()).ReplaceLineEndings(output.NewLine));
        output.Flush();
    }

    private static void Compose(VariantComparison comparison, StringWriter output, string options)
    {
        var width = Math.Max(7, comparison.Variants.Max(row => row.Name.Length));
        output.WriteLine();
        output.WriteLine($"  {"variant".PadRight(width)}  {"validation",12}  {"BLEU base",9}  {"tuned",6}  "
            + $"{"chrF++ base",11}  {"tuned",6}  {"cost",11}  test, beside its base");
        foreach (var row in comparison.Variants)
        {
            var score = row.Score is { } value ? ComparisonWording.Score(row.Metric, value) : "-";
            var tests = row.Test.Count == 0
                ? [$"{"-",9}  {"-",6}  {"-",11}  {"-",6}"]
                : row.Test.Select(test => string.Create(
                    CultureInfo.InvariantCulture,
                    $"{test.BaseBleu,9:0.00}  {test.TunedBleu,6:0.00}  {test.BaseChrf,11:0.00}  "
                    + $"{test.TunedChrf,6:0.00}")).ToList();
            for (var at = 0; at < tests.Count; at++)
            {
                var said = row.Test.Count == 0
                    ? $"{WireName.Of(row.Status)}{(row.Failure is { } why ? $": {why.Code}" : "")}"
                    : $"{(row.Test.Count > 1 ? $"{row.Test[at].Direction.Code()}: " : "")}"
                        + ComparisonWording.Outcome(row.Test[at]);
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{(row.IsBest && at == 0 ? '*' : ' ')} {(at == 0 ? row.Name : "").PadRight(width)}  "
                    + $"{(at == 0 ? score : ""),12}  {tests[at]}  "
                    + $"{(at == 0 ? $"{row.Usd.ToString("0.0000", CultureInfo.InvariantCulture)} USD" : ""),11}  "
                    + $"{said}"));
            }
        }

        output.WriteLine();
        foreach (var note in comparison.Notes)
        {
            output.WriteLine($"  note       {note}");
        }

        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  cost       {comparison.ActualUsd:0.00} USD of a budget of {comparison.BudgetUsd:0.00}")
            + (comparison.IsRehearsal ? ", at list price: a rehearsal costs nothing" : ""));
        output.WriteLine($"  report     {comparison.Page}");
        foreach (var row in comparison.Variants.Where(row => row is { IsBest: true, Checkpoint: not null }))
        {
            output.WriteLine($"  model      {row.Checkpoint}");
        }

        output.WriteLine();
        if (comparison.Failure is { } failure)
        {
            output.WriteLine($"Failed: {failure.Code}: {failure.Message}\n{failure.Fix}");
        }
        else if (comparison.Status == RunStatus.Cancelled)
        {
            output.WriteLine($"Run {comparison.RunId} is cancelled; everything was given back.");
        }

        foreach (var best in comparison.Best)
        {
            output.WriteLine(best.Summary);
        }

        if (comparison.Resume is { } command)
        {
            output.WriteLine($"Resume it:  {command}{options}");
        }
    }

    private static bool IsUnderWay(VariantView variant) =>
        variant.Status is RunStatus.Running or RunStatus.Suspended;
}
