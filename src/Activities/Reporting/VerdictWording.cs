using System.Globalization;
using Workflows.Translation.Metrics;

namespace Workflows.Activities.Reporting;

/// <summary>Formats verdicts; no other code does.</summary>
public static class VerdictWording
{
    /// <summary>A test set below this many sentences is small; chosen.</summary>
    private const int SmallTestPairs = 100;

    /// <summary>Passes over the training pairs above which a note is made; chosen, as fine-tunings take 1 to
    /// 5.</summary>
    private const int ManyPasses = 20;

    /// <summary>Formats a verdict.</summary>
    /// <param name="verdict">The verdict.</param>
    /// <returns>One sentence with its period. Outputs of which nothing was compared have no figures.</returns>
    public static string Of(VerdictSection verdict) => verdict.Outcome switch
    {
        VerdictOutcome.Identical => "Identical translations: both models gave the same output for every sentence.",
        VerdictOutcome.NotCompared =>
            $"Not compared: the base model gave {OneOutput(verdict.Base, verdict.TestPairs)}.",
        VerdictOutcome.Finer => $"Finer: {Figures(verdict)}.",
        VerdictOutcome.Worse when verdict.PValue is null =>
            $"Worse: the tuned model gave {OneOutput(verdict.Tuned, verdict.TestPairs)}.",
        VerdictOutcome.Worse => $"Significantly worse: {Figures(verdict)}.",
        _ => $"No significant difference: {Figures(verdict)}.",
    };

    /// <summary>Returns a note if a test set is small.</summary>
    /// <param name="testPairs">Sentences of the test set.</param>
    /// <returns>One note, or none.</returns>
    public static IEnumerable<string> SmallTest(int testPairs) => testPairs >= SmallTestPairs
        ? []
        : [$"small test: {testPairs} sentences; below {SmallTestPairs}, another test set can turn the verdict round"];

    /// <summary>Returns a note if a model gave the same output for all sentences, or for many of them.</summary>
    /// <param name="model"><c>base</c> or <c>tuned</c>.</param>
    /// <param name="common">Its most frequent output; null without sentences.</param>
    /// <returns>One note, or none.</returns>
    public static IEnumerable<string> SameOutputs(string model, CommonOutput? common) => common switch
    {
        { IsOnly: true } => [$"{model}: {OneOutput(common.Text.Length == 0, common.Total)}"],
        // The count of empty outputs is a note of its own.
        { IsFrequent: true, Text.Length: > 0 } =>
            [$"{model}: one output for {common.Count} of {common.Total} sentences"],
        _ => [],
    };

    /// <summary>Returns a note if the training repeated its pairs so often that it may have memorised them.</summary>
    /// <param name="epochs">Passes over the training pairs; null if not known.</param>
    /// <returns>One note, or none.</returns>
    public static IEnumerable<string> ManyEpochs(double? epochs) => epochs is { } passes && passes > ManyPasses
        ? [string.Create(CultureInfo.InvariantCulture,
            $"{passes:0.#} passes over the training pairs: above {ManyPasses} a model learns them by heart; lower "
            + $"training.steps, or bring more pairs")]
        : [];

    private static string OneOutput(SystemScore score, int sentences) =>
        OneOutput(score.Warnings.GetValueOrDefault(SystemScore.NameOf(OutputFault.Empty)) == sentences, sentences);

    private static string OneOutput(bool isEmpty, int sentences) =>
        isEmpty ? $"no output for any of {sentences} sentences" : $"one output for all {sentences} sentences";

    private static string Figures(VerdictSection verdict) => string.Create(
        CultureInfo.InvariantCulture,
        $"{verdict.BleuDelta:+0.00;-0.00;0.00} BLEU{(verdict.PValue is { } p ? $", p = {p:0.0000}" : "")}");
}
