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
    public static string Of(VerdictSection verdict) => Of(verdict, new Words(Language.English));

    /// <summary>Formats a verdict.</summary>
    /// <param name="verdict">The verdict.</param>
    /// <param name="words">The language.</param>
    /// <returns>One sentence with its period. Outputs of which nothing was compared have no figures.</returns>
    public static string Of(VerdictSection verdict, Words words) => verdict.Outcome switch
    {
        VerdictOutcome.Identical => words.Of(
            "Identical translations: both models gave the same output for every sentence.",
            "번역이 같음: 두 모델의 출력이 모든 문장에서 같습니다."),
        VerdictOutcome.NotCompared => words.Of(
            $"Not compared: the base model gave {OneOutput(verdict.Base, verdict.TestPairs)}.",
            $"비교하지 않음: 기본 모델이 {KoreanOneOutput(verdict.Base, verdict.TestPairs)}."),
        VerdictOutcome.Finer => words.Of($"Finer: {Figures(verdict)}.", $"더 나음: {Figures(verdict)}."),
        VerdictOutcome.Worse when verdict.PValue is null => words.Of(
            $"Worse: the tuned model gave {OneOutput(verdict.Tuned, verdict.TestPairs)}.",
            $"더 나쁨: 조정된 모델이 {KoreanOneOutput(verdict.Tuned, verdict.TestPairs)}."),
        VerdictOutcome.Worse => words.Of(
            $"Significantly worse: {Figures(verdict)}.", $"유의미하게 더 나쁨: {Figures(verdict)}."),
        _ => words.Of(
            $"No significant difference: {Figures(verdict)}.", $"유의미한 차이 없음: {Figures(verdict)}."),
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
    /// <param name="language">The language of the note.</param>
    /// <returns>One note, or none.</returns>
    public static IEnumerable<string> ManyEpochs(double? epochs, Language language = Language.English)
    {
        if (epochs is { } passes && passes > ManyPasses)
        {
            var count = passes.ToString("0.#", CultureInfo.InvariantCulture);
            yield return new Words(language).Of(
                $"{count} passes over the training pairs: above {ManyPasses} a model learns them by heart; lower "
                + "training.steps, or bring more pairs",
                $"학습 쌍을 {count}에포크 반복했습니다. {ManyPasses}에포크를 넘으면 모델이 문장을 외우게 되므로 training.steps를 "
                + "줄이거나 학습 쌍을 늘리십시오");
        }
    }

    private static string OneOutput(SystemScore score, int sentences) =>
        OneOutput(score.Warnings.GetValueOrDefault(SystemScore.NameOf(OutputFault.Empty)) == sentences, sentences);

    private static string KoreanOneOutput(SystemScore score, int sentences) =>
        score.Warnings.GetValueOrDefault(SystemScore.NameOf(OutputFault.Empty)) == sentences
            ? $"문장 {sentences}개 모두에 아무것도 출력하지 않았습니다"
            : $"문장 {sentences}개 모두에 같은 출력을 냈습니다";

    private static string OneOutput(bool isEmpty, int sentences) =>
        isEmpty ? $"no output for any of {sentences} sentences" : $"one output for all {sentences} sentences";

    private static string Figures(VerdictSection verdict) => string.Create(
        CultureInfo.InvariantCulture,
        $"{verdict.BleuDelta:+0.00;-0.00;0.00} BLEU{(verdict.PValue is { } p ? $", p = {p:0.0000}" : "")}");
}
