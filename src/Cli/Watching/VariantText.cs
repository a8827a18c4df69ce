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
    /// <param name="language">The language.</param>
    public static void Write(
        VariantComparison comparison, TextWriter output, string options = "", Language language = Language.English)
    {
        var text = new StringWriter { NewLine = "\n" };
        Compose(comparison, text, options, new Words(language));
        output.Write(TerminalText.Of(text.ToString()).ReplaceLineEndings(output.NewLine));
        output.Flush();
    }

    private static void Compose(VariantComparison comparison, StringWriter output, string options, Words words)
    {
        Table(comparison, output, words);
        output.WriteLine();
        var notes = words.Language == Language.Korean && comparison.KoreanNotes is { } korean
            ? korean : comparison.Notes;
        foreach (var note in notes)
        {
            output.WriteLine(words.Of($"  note       {note}", $"  참고       {note}"));
        }

        output.WriteLine(words.Of(
            string.Create(
                CultureInfo.InvariantCulture,
                $"  cost       {comparison.ActualUsd:0.00} USD of a budget of {comparison.BudgetUsd:0.00}")
            + (comparison.IsRehearsal ? ", at list price: a rehearsal costs nothing" : ""),
            string.Create(
                CultureInfo.InvariantCulture,
                $"  비용       {comparison.ActualUsd:0.00} USD(예산 {comparison.BudgetUsd:0.00})")
            + (comparison.IsRehearsal ? ", 정가 기준이며 리허설에는 비용이 들지 않습니다" : "")));
        if (comparison.Egress is { Usd: > 0 } egress)
        {
            var usd = egress.Usd.ToString("0.00", CultureInfo.InvariantCulture);
            output.WriteLine(words.Of(
                $"  egress     {usd} USD, computed and not in the cost",
                $"  이그레스   {usd} USD, 계산한 값이며 비용에 포함되지 않음"));
        }

        output.WriteLine(words.Of(
            $"  report     {comparison.Page}",
            "  보고서     " + Path.Combine(
                Path.GetDirectoryName(comparison.Page) ?? "", ComparisonFiles.PageIn(words.Language))));
        foreach (var row in comparison.Variants.Where(row => row is { IsBest: true, Checkpoint: not null }))
        {
            output.WriteLine(words.Of($"  model      {row.Checkpoint}", $"  모델       {row.Checkpoint}"));
        }

        output.WriteLine();
        if (comparison.Failure is { } failure)
        {
            output.WriteLine(FailureText.Of(failure, words));
        }
        else if (comparison.Status == RunStatus.Cancelled)
        {
            output.WriteLine(words.Of(
                $"Run {comparison.RunId} is cancelled; everything was given back.",
                $"실행 {comparison.RunId}: {words.Name(comparison.Status)}. 모든 리소스를 반납했습니다."));
        }

        foreach (var best in comparison.Best)
        {
            output.WriteLine(ComparisonWording.Of(best, words));
        }

        if (comparison.Resume is { } command)
        {
            output.WriteLine($"{words.Of("Resume it:  ", "이어가려면: ")}{command}{options}");
        }
    }

    /// <summary>Writes a row for each variant and direction.</summary>
    private static void Table(VariantComparison comparison, StringWriter output, Words words)
    {
        var width = Math.Max(7, comparison.Variants.Max(row => Columns(row.Name)));
        output.WriteLine();
        output.WriteLine(
            $"  {Left(words.Of("variant", "변형"), width)}  {Right(words.Of("validation", "검증"), 12)}  "
            + $"{Right(words.Of("BLEU base", "BLEU 기본"), 9)}  {Right(words.Of("tuned", "조정"), 6)}  "
            + $"{Right(words.Of("chrF++ base", "chrF++ 기본"), 11)}  {Right(words.Of("tuned", "조정"), 6)}  "
            + $"{Right(words.Of("cost", "비용"), 11)}  {words.Of("test, beside its base", "테스트, 기본 모델과 비교")}");
        foreach (var row in comparison.Variants)
        {
            var score = row.Score is { } value ? ComparisonWording.Score(row.Metric, value, words) : "-";
            var tests = row.Test.Count == 0
                ? [$"{"-",9}  {"-",6}  {"-",11}  {"-",6}"]
                : row.Test.Select(test => string.Create(
                    CultureInfo.InvariantCulture,
                    $"{test.BaseBleu,9:0.00}  {test.TunedBleu,6:0.00}  {test.BaseChrf,11:0.00}  "
                    + $"{test.TunedChrf,6:0.00}")).ToList();
            for (var at = 0; at < tests.Count; at++)
            {
                var said = row.Test.Count == 0
                    ? $"{words.Name(row.Status)}{(row.Failure is { } why ? $": {why.Code}" : "")}"
                    : $"{(row.Test.Count > 1 ? $"{row.Test[at].Direction.Code()}: " : "")}"
                        + ComparisonWording.Outcome(row.Test[at], words);
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{(row.IsBest && at == 0 ? '*' : ' ')} {Left(at == 0 ? row.Name : "", width)}  "
                    + $"{Right(at == 0 ? score : "", 12)}  {tests[at]}  "
                    + $"{(at == 0 ? $"{row.Usd.ToString("0.0000", CultureInfo.InvariantCulture)} USD" : ""),11}  "
                    + $"{said}"));
            }
        }
    }

    private static string Left(string text, int width) => text + Spaces(text, width);

    private static string Right(string text, int width) => Spaces(text, width) + text;

    private static string Spaces(string text, int width) => new(' ', Math.Max(0, width - Columns(text)));

    /// <summary>Counts the columns of a terminal: a Hangul syllable takes two.</summary>
    private static int Columns(string text) => text.Length + text.Count(each => each is >= '가' and <= '힣');

    private static bool IsUnderWay(VariantView variant) =>
        variant.Status is RunStatus.Running or RunStatus.Suspended;
}
