using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Translation.Metrics;

namespace Workflows.Activities.Tests.Reporting;

public sealed class VerdictWordingTests
{
    [Theory]
    [InlineData(VerdictOutcome.Finer, 1.234, 0.001, "Finer: +1.23 BLEU, p = 0.0010.")]
    [InlineData(VerdictOutcome.Worse, -4.014, 0.002, "Significantly worse: -4.01 BLEU, p = 0.0020.")]
    [InlineData(VerdictOutcome.NoSignificantDifference, 0.3, 0.4, "No significant difference: +0.30 BLEU, p = 0.4000.")]
    [InlineData(
        VerdictOutcome.NoSignificantDifference, -4.01, 0.2, "No significant difference: -4.01 BLEU, p = 0.2000.")]
    [InlineData(VerdictOutcome.NoSignificantDifference, 0, 0.5, "No significant difference: 0.00 BLEU, p = 0.5000.")]
    public void Of_AComparison_GivesOutcomeDifferenceAndP(
        VerdictOutcome outcome, double delta, double p, string words) =>
        Assert.Equal(words, VerdictWording.Of(Reports.Verdict(outcome, delta, p)));

    [Theory]
    [InlineData(null)]
    [InlineData(0.001)]
    public void Of_IdenticalOutputs_HasNoFigures(double? p)
    {
        // Ledgers of earlier versions hold a p for outputs that were never compared.
        var words = VerdictWording.Of(Reports.Verdict(VerdictOutcome.Identical, 0, p));

        Assert.Equal("Identical translations: both models gave the same output for every sentence.", words);
    }

    [Theory]
    [InlineData(0, 3.2, "Not compared: the base model gave one output for all 200 sentences.")]
    [InlineData(199, -3.2, "Not compared: the base model gave one output for all 200 sentences.")]
    [InlineData(200, 3.2, "Not compared: the base model gave no output for any of 200 sentences.")]
    public void Of_ABaseOfOneOutput_SaysSoWithoutFigures(int empty, double delta, string words)
    {
        var verdict = Reports.Verdict(VerdictOutcome.NotCompared, delta, null);

        Assert.Equal(words, VerdictWording.Of(verdict with
        {
            Base = verdict.Base with { Warnings = new Dictionary<string, int> { ["empty"] = empty } },
        }));
    }

    [Theory]
    [InlineData(0, "Worse: the tuned model gave one output for all 200 sentences.")]
    [InlineData(200, "Worse: the tuned model gave no output for any of 200 sentences.")]
    public void Of_ATunedModelOfOneOutputThatScoresDoNotShow_SaysSoWithoutFigures(int empty, string words)
    {
        var verdict = Reports.Verdict(VerdictOutcome.Worse, 0.4, null);

        Assert.Equal(words, VerdictWording.Of(verdict with
        {
            Tuned = verdict.Tuned with { Warnings = new Dictionary<string, int> { ["empty"] = empty } },
        }));
    }

    [Theory]
    [InlineData("yes", 200, true, "base: one output for all 200 sentences")]
    [InlineData("", 200, true, "base: no output for any of 200 sentences")]
    [InlineData("yes", 120, false, "base: one output for 120 of 200 sentences")]
    [InlineData("", 120, false, null)]
    public void SameOutputs_OfAModel_AreNotedOnce(string text, int count, bool isOnly, string? note) =>
        Assert.Equal(
            note is null ? [] : [note],
            VerdictWording.SameOutputs("base", new CommonOutput(text, count, 200, isOnly, IsFrequent: true)));

    [Fact]
    public void SameOutputs_OfOrdinaryModels_AreNotNoted()
    {
        Assert.Empty(VerdictWording.SameOutputs("base", new CommonOutput("yes", 200, 200, false, false)));
        Assert.Empty(VerdictWording.SameOutputs("base", null));
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(6, true)]
    [InlineData(99, true)]
    [InlineData(100, false)]
    [InlineData(2000, false)]
    public void SmallTest_BelowAHundredSentences_IsNotedWithItsSize(int pairs, bool isNoted)
    {
        var notes = VerdictWording.SmallTest(pairs).ToList();

        Assert.Equal(isNoted, notes.Count == 1);
        Assert.All(notes, note => Assert.StartsWith($"small test: {pairs} sentences", note, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData(0.0, null)]
    [InlineData(3.0, null)]
    [InlineData(20.0, null)]
    [InlineData(20.1, "20.1 passes over the training pairs")]
    [InlineData(142.2, "142.2 passes over the training pairs")]
    public void ManyEpochs_AboveTheSensibleNumber_IsNotedWithIt(double? epochs, string? note)
    {
        var notes = VerdictWording.ManyEpochs(epochs).ToList();

        Assert.Equal(note is null ? 0 : 1, notes.Count);
        Assert.All(notes, each => Assert.StartsWith(note!, each, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(20.0, false)]
    [InlineData(21.0, true)]
    public void Page_OfATraining_ShowsItsPassesAndWarnsOfTooMany(double epochs, bool isWarned)
    {
        var page = ReportPage.Render(
            Reports.Report() with { Training = new TrainingSection(9, 90, 5, 4, 1, 60) { Epochs = epochs } }, []);

        Assert.Contains($", {epochs:0.0} passes over the pairs", page, StringComparison.Ordinal);
        Assert.Equal(isWarned, page.Contains(
            $"Note: {epochs:0} passes over the training pairs: above 20", StringComparison.Ordinal));
    }

    /// <summary>One wording: the page and the JSON say the same sentence.</summary>
    [Theory]
    [InlineData(VerdictOutcome.Finer, 1, 0.001)]
    [InlineData(VerdictOutcome.Worse, -1, 0.001)]
    [InlineData(VerdictOutcome.NoSignificantDifference, 0.1, 0.3)]
    [InlineData(VerdictOutcome.Identical, 0, null)]
    [InlineData(VerdictOutcome.NotCompared, 2, null)]
    [InlineData(VerdictOutcome.Worse, 2, null)]
    public void Report_AsPageAndAsJson_HasTheSameSentence(VerdictOutcome outcome, double delta, double? p)
    {
        var verdict = Reports.Verdict(outcome, delta, p);
        var report = Reports.Report(verdict);

        var page = ReportPage.Render(report, []);
        var json = JsonSerializer.SerializeToElement(report, RunLedger.Json).GetProperty("verdict");

        Assert.Contains($">{verdict.Summary}</p></header>", page, StringComparison.Ordinal);
        Assert.Equal(verdict.Summary, json.GetProperty("summary").GetString());
        Assert.Equal(p is not null, json.TryGetProperty("pValue", out _));
        Assert.Equal(p is not null, page.Contains("p = ", StringComparison.Ordinal));
        Assert.Equal(p is not null, page.Contains("Paired bootstrap", StringComparison.Ordinal));
    }

    [Fact]
    public void Page_OfTwoDirections_NamesEachBeforeItsVerdict()
    {
        var first = Reports.Verdict(VerdictOutcome.Finer, 1, 0.001);
        var second = first with { Direction = Translation.TranslationDirection.EnToKo, Outcome = VerdictOutcome.Worse };

        var page = ReportPage.Render(Reports.Report(first, second), []);

        Assert.Contains(
            $"<p class=\"status finer\">ko-en: {first.Summary}</p>"
            + $"<p class=\"status worse\">en-ko: {second.Summary}</p></header>", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(VerdictOutcome.Finer, "finer")]
    [InlineData(VerdictOutcome.Worse, "worse")]
    [InlineData(VerdictOutcome.NoSignificantDifference, "undecided")]
    [InlineData(VerdictOutcome.Identical, "undecided")]
    [InlineData(VerdictOutcome.NotCompared, "undecided")]
    public void Page_OfAVerdict_IsGreenForAFinerTranslationAlone(VerdictOutcome outcome, string style)
    {
        var verdict = Reports.Verdict(outcome, 1, 0.2);

        var page = ReportPage.Render(Reports.Report(verdict), []);

        Assert.Contains(
            $"<p class=\"status {style}\">{verdict.Summary}</p></header>", page, StringComparison.Ordinal);
        Assert.Matches(@"\.finer\{color:var\(--good\)\}", page);
        Assert.Matches($@"\.{style}\{{color:", page);
        Assert.Equal(outcome == VerdictOutcome.Finer, style == "finer");
    }

    [Fact]
    public void Page_OfOneNode_HasNoPlural()
    {
        var gone = new TeardownRow("projects/p/locations/z/nodes/n", "z", DateTimeOffset.UnixEpoch, true);
        var report = Reports.Report() with
        {
            Teardown = [gone],
            Recoveries = [new RecoveryRow("z", "PREEMPTED", 1, 50, 12)],
        };

        Assert.Contains("1 node proved gone", ReportPage.Render(report, []), StringComparison.Ordinal);
        Assert.Contains("1 step was done again", ReportPage.Render(report, []), StringComparison.Ordinal);
        Assert.Contains(
            "2 nodes proved gone", ReportPage.Render(report with { Teardown = [gone, gone] }, []),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Page_OfAVerdictWithNotes_ShowsThemEscaped()
    {
        var verdict = Reports.Verdict(VerdictOutcome.Finer, 1, 0.001) with { Notes = ["small test: <6> sentences"] };

        Assert.Contains(
            "Note: small test: &lt;6&gt; sentences.", ReportPage.Render(Reports.Report(verdict), []),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(RunStatus.Cancelled, "Cancelled; everything was given back.", "cancelled")]
    [InlineData(RunStatus.Failed, "Failed; everything was given back.", "failed")]
    [InlineData(RunStatus.Succeeded, "succeeded", "succeeded")]
    public void Page_OfARunWithoutAVerdict_SaysHowItEnded(RunStatus status, string headline, string style) =>
        Assert.Contains(
            $"<p class=\"status {style}\">{headline}</p></header>",
            ReportPage.Render(Reports.Report() with { Status = status }, []), StringComparison.Ordinal);

    [Fact]
    public void Page_OfAnyReport_WritesClosedSetsAsFilesDoAndEscapesTexts()
    {
        var page = ReportPage.Render(Reports.Report(), []);

        Assert.Contains("<span class=\"badge refused\">refused</span>", page, StringComparison.Ordinal);
        Assert.Contains("<span class=\"badge ready\">ready</span>", page, StringComparison.Ordinal);
        Assert.Contains("<small>on-demand</small>", page, StringComparison.Ordinal);
        Assert.Contains("<i class=\"dot train\"></i>train</td>", page, StringComparison.Ordinal);
        Assert.Contains("1 refused, 1 TPU lost", page, StringComparison.Ordinal);
        Assert.Contains("a &lt;b&gt;name&lt;/b&gt;", page, StringComparison.Ordinal);
        Assert.Contains("Quota &lt;x&gt; exhausted", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>name", page, StringComparison.Ordinal);
        Assert.Contains("not proved", page, StringComparison.Ordinal);
    }
}
