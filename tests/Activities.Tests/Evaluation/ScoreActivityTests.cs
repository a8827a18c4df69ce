using Workflows.Activities.Data;
using Workflows.Activities.Evaluation;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Translation;

namespace Workflows.Activities.Tests.Evaluation;

public sealed class ScoreActivityTests : RunFolder
{
    [Fact]
    public async Task Run_BothDirections_JudgesEachByItsOwnOutputs()
    {
        var (spec, data) = await PreparedAsync(RunDirection.Both);
        Translate(data, "base", TranslationDirection.KoToEn, pair => Reversed(pair.En));
        Translate(data, "tuned", TranslationDirection.KoToEn, pair => pair.En);
        Translate(data, "base", TranslationDirection.EnToKo, pair => pair.Ko);
        Translate(data, "tuned", TranslationDirection.EnToKo, pair => pair.Ko);

        var verdicts = await ScoreAsync(spec, data);

        Assert.Equal(TranslationDirections.Both, verdicts.Select(verdict => verdict.Direction));
        Assert.Equal([VerdictOutcome.Finer, VerdictOutcome.Identical], verdicts.Select(verdict => verdict.Outcome));
        Assert.Equal([true, false], verdicts.Select(verdict => verdict.Finer));
        Assert.InRange(verdicts[0].PValue!.Value, 0.0001, 0.05);
        Assert.Null(verdicts[1].PValue);
        Assert.Contains("tok:13a", verdicts[0].Tuned.BleuSignature, StringComparison.Ordinal);
        Assert.DoesNotContain("tok:13a", verdicts[1].Tuned.BleuSignature, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_DegenerateOutputs_AreNotedForTheModelThatMadeThem()
    {
        var (spec, data) = await PreparedAsync(RunDirection.KoToEn);
        Translate(data, "base", TranslationDirection.KoToEn, pair => pair.En);
        Translate(
            data, "tuned", TranslationDirection.KoToEn,
            pair => pair.En.EndsWith("1.", StringComparison.Ordinal) ? "" : pair.Ko);

        var verdict = Assert.Single(await ScoreAsync(spec, data));

        var note = Assert.Single(verdict.Notes, each => each.StartsWith("tuned", StringComparison.Ordinal));
        Assert.StartsWith($"tuned: of {data.TestPairs} outputs ", note, StringComparison.Ordinal);
        Assert.Contains("copied source", note, StringComparison.Ordinal);
        Assert.Contains("wrong script", note, StringComparison.Ordinal);
        Assert.Equal(VerdictOutcome.Worse, verdict.Outcome);
    }

    [Fact]
    public async Task Run_OutputsThatTheLimitCutOff_AreCountedAsNeverEnding()
    {
        var (spec, data) = await PreparedAsync(RunDirection.KoToEn);
        Translate(data, "base", TranslationDirection.KoToEn, pair => pair.En);
        Translate(data, "tuned", TranslationDirection.KoToEn, pair => pair.En);
        File.WriteAllText(
            HypothesisFiles.UnfinishedOf(PathOf("tuned", TranslationDirection.KoToEn)),
            "1\n3\n");

        var verdict = Assert.Single(await ScoreAsync(spec, data));

        Assert.Equal(
            [
                $"small test: {data.TestPairs} sentences; below 100, another test set can turn the verdict round",
                $"tuned: of {data.TestPairs} outputs 2 never ending",
            ],
            verdict.Notes);
    }

    [Fact]
    public async Task Run_FewerLinesThanSentences_IsAFault()
    {
        var (spec, data) = await PreparedAsync(RunDirection.KoToEn);
        Translate(data, "base", TranslationDirection.KoToEn, pair => pair.En);
        File.WriteAllText(PathOf("tuned", TranslationDirection.KoToEn), "one line\n");

        var fault = await Assert.ThrowsAsync<RunFaultException>(() => ScoreAsync(spec, data));

        Assert.Equal("HYPOTHESES_INCOMPLETE", fault.Failure.Code);
    }

    [Theory]
    [InlineData("I do not know.")]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("\ufffd")]
    public async Task Run_BaseOfOneOutput_IsNotComparedHoweverTheTunedModelTranslates(string output)
    {
        var (spec, data) = await PreparedAsync(RunDirection.Both);
        Translate(data, "base", TranslationDirection.KoToEn, pair => output);
        Translate(data, "tuned", TranslationDirection.KoToEn, pair => pair.En);
        Translate(data, "base", TranslationDirection.EnToKo, pair => output);
        Translate(data, "tuned", TranslationDirection.EnToKo, pair => output);

        var verdicts = await ScoreAsync(spec, data);

        Assert.All(verdicts, verdict =>
        {
            Assert.Equal((VerdictOutcome.NotCompared, false), (verdict.Outcome, verdict.Finer));
            Assert.Null(verdict.PValue);
            Assert.Equal(
                string.IsNullOrWhiteSpace(output)
                    ? $"Not compared: the base model gave no output for any of {data.TestPairs} sentences."
                    : $"Not compared: the base model gave one output for all {data.TestPairs} sentences.",
                verdict.Summary);
        });
        Assert.Equal(
            [1, 2],
            verdicts.Select(verdict => verdict.Notes.Count(
                note => note.Contains("one output for all", StringComparison.Ordinal)
                    || note.Contains("no output for any", StringComparison.Ordinal))));
        Assert.True(verdicts[0].BleuDelta > 50, "The scores are shown all the same.");
    }

    [Theory]
    [InlineData("I do not know.", "one output for all")]
    [InlineData("", "no output for any of")]
    public async Task Run_TunedModelOfOneOutput_IsWorseWithItsP(string output, string note)
    {
        var (spec, data) = await PreparedAsync(RunDirection.KoToEn);
        Translate(data, "base", TranslationDirection.KoToEn, pair => pair.En);
        Translate(data, "tuned", TranslationDirection.KoToEn, pair => output);

        var verdict = Assert.Single(await ScoreAsync(spec, data));

        Assert.Equal(VerdictOutcome.Worse, verdict.Outcome);
        Assert.InRange(verdict.PValue!.Value, 0.0001, 0.05);
        Assert.StartsWith("Significantly worse: -", verdict.Summary, StringComparison.Ordinal);
        Assert.Contains($"tuned: {note} {data.TestPairs} sentences", verdict.Notes);
    }

    [Fact]
    public async Task Run_TunedModelOfOneOutputThatScoresMore_IsWorseWithoutAP()
    {
        var (spec, data) = await PreparedAsync(RunDirection.KoToEn);
        var first = PrepareDataActivity.ReadBack(data.TestUri)[0].En;
        Translate(data, "base", TranslationDirection.KoToEn, pair => $"zz {pair.Ko.Length} {pair.Ko}");
        Translate(data, "tuned", TranslationDirection.KoToEn, pair => first);

        var verdict = Assert.Single(await ScoreAsync(spec, data));

        Assert.True(verdict.BleuDelta > 0);
        Assert.Equal((VerdictOutcome.Worse, false), (verdict.Outcome, verdict.Finer));
        Assert.Null(verdict.PValue);
        Assert.Equal(
            $"Worse: the tuned model gave one output for all {data.TestPairs} sentences.", verdict.Summary);
    }

    private static string Reversed(string text) => string.Join(' ', text.Split(' ').Reverse());

    private string PathOf(string model, TranslationDirection direction) =>
        HypothesisFiles.PathOf(Ledger.DirectoryOf(Id), model, direction);

    private async Task<(RunSpec Spec, PreparedData Data)> PreparedAsync(RunDirection direction)
    {
        var spec = Spec(direction);
        spec = spec with { Data = spec.Data with { TestFraction = 0.4 } };
        return (spec, await new PrepareDataActivity(
            Ledger, new InputWork(Ledger, InputLimits.Default, TimeProvider.System)).RunAsync(null!, spec));
    }

    private async Task<IReadOnlyList<VerdictSection>> ScoreAsync(RunSpec spec, PreparedData data)
    {
        await new ScoreActivity(Ledger).RunAsync(null!, new ScoreInput(spec, data));
        return [.. Ledger.Read<VerdictSection>(Id, LedgerKinds.Scores).Select(fact => fact.Data)];
    }

    private void Translate(
        PreparedData data, string model, TranslationDirection direction, Func<SentencePair, string> by) =>
        File.WriteAllLines(
            PathOf(model, direction),
            PrepareDataActivity.ReadBack(data.TestUri).Select(by));
}
