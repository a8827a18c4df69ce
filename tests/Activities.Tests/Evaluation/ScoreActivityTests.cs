using Workflows.Activities.Data;
using Workflows.Activities.Evaluation;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Evaluation;

public sealed class ScoreActivityTests : RunFolder
{
    [Fact]
    public async Task Run_BothDirections_JudgesEachByItsOwnOutputs()
    {
        var (spec, data) = await PreparedAsync("both");
        Translate(data, "base", "ko-en", pair => "I do not know.");
        Translate(data, "tuned", "ko-en", pair => pair.En);
        Translate(data, "base", "en-ko", pair => pair.Ko);
        Translate(data, "tuned", "en-ko", pair => pair.Ko);

        var verdicts = await ScoreAsync(spec, data);

        Assert.Equal(["ko-en", "en-ko"], verdicts.Select(verdict => verdict.Direction));
        Assert.Equal(["finer", "identical"], verdicts.Select(verdict => verdict.Outcome));
        Assert.Equal([true, false], verdicts.Select(verdict => verdict.Finer));
        Assert.Contains("tok:13a", verdicts[0].Tuned.BleuSignature, StringComparison.Ordinal);
        Assert.DoesNotContain("tok:13a", verdicts[1].Tuned.BleuSignature, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_DegenerateOutputs_AreNotedForTheModelThatMadeThem()
    {
        var (spec, data) = await PreparedAsync("ko-en");
        Translate(data, "base", "ko-en", pair => pair.En);
        Translate(data, "tuned", "ko-en", pair => pair.En.EndsWith("1.", StringComparison.Ordinal) ? "" : pair.Ko);

        var verdict = Assert.Single(await ScoreAsync(spec, data));

        var note = Assert.Single(verdict.Notes);
        Assert.StartsWith($"tuned: of {data.TestPairs} outputs ", note, StringComparison.Ordinal);
        Assert.Contains("copied source", note, StringComparison.Ordinal);
        Assert.Contains("wrong script", note, StringComparison.Ordinal);
        Assert.Equal("worse", verdict.Outcome);
    }

    [Fact]
    public async Task Run_OutputsThatTheLimitCutOff_AreCountedAsNeverEnding()
    {
        var (spec, data) = await PreparedAsync("ko-en");
        Translate(data, "base", "ko-en", pair => pair.En);
        Translate(data, "tuned", "ko-en", pair => pair.En);
        File.WriteAllText(
            HypothesisFiles.UnfinishedOf(HypothesisFiles.PathOf(Ledger.DirectoryOf(RunId), "tuned", "ko-en")),
            "1\n3\n");

        var verdict = Assert.Single(await ScoreAsync(spec, data));

        Assert.Equal($"tuned: of {data.TestPairs} outputs 2 never ending", Assert.Single(verdict.Notes));
    }

    [Fact]
    public async Task Run_FewerLinesThanSentences_IsAFault()
    {
        var (spec, data) = await PreparedAsync("ko-en");
        Translate(data, "base", "ko-en", pair => pair.En);
        File.WriteAllText(HypothesisFiles.PathOf(Ledger.DirectoryOf(RunId), "tuned", "ko-en"), "one line\n");

        var fault = await Assert.ThrowsAsync<RunFaultException>(() => ScoreAsync(spec, data));

        Assert.Equal("HYPOTHESES_INCOMPLETE", fault.Failure.Code);
    }

    private async Task<(RunSpec Spec, PreparedData Data)> PreparedAsync(string direction)
    {
        var spec = Spec(direction);
        spec = spec with { Data = spec.Data with { TestFraction = 0.4 } };
        return (spec, await new PrepareDataActivity(Ledger).RunAsync(null!, spec));
    }

    private async Task<IReadOnlyList<VerdictSection>> ScoreAsync(RunSpec spec, PreparedData data)
    {
        await new ScoreActivity(Ledger).RunAsync(null!, new ScoreInput(spec, data));
        return [.. Ledger.Read<VerdictSection>(RunId, LedgerKinds.Scores).Select(fact => fact.Data)];
    }

    private void Translate(
        PreparedData data, string model, string direction, Func<Workflows.Translation.SentencePair, string> by) =>
        File.WriteAllLines(
            HypothesisFiles.PathOf(Ledger.DirectoryOf(RunId), model, direction),
            PrepareDataActivity.ReadBack(data.TestUri).Select(by));
}
