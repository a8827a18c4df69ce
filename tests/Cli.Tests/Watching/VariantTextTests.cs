using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Activities.Variants;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;
using Workflows.Service.Runs;
using Workflows.Translation;

namespace Workflows.Cli.Tests.Watching;

/// <summary>Variants on the command line: a line while they are under way, and a table at the end.</summary>
public sealed class VariantTextTests
{
    private static readonly TestScore Test = new(
        TranslationDirection.KoToEn, VerdictOutcome.Finer, 6.7, 24.16, 13.9, 36.4, 0.001, 200);

    [Fact]
    public void Write_SomeVariants_MarksTheBestAndSaysWhyOthersHaveNoVerdict()
    {
        using var output = new StringWriter { NewLine = "\n" };

        VariantText.Write(Comparison, output, " --state /tmp/s");

        // Columns are wider for longer names.
        var lines = output.ToString().Split('\n').Select(
            line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries))).ToList();
        Assert.Contains("* good loss 1.5000 6.70 24.16 13.90 36.40 0.2500 USD finer, p = 0.0010", lines);
        Assert.Contains("b\\u001b[31m - - - - - 0.0000 USD failed: MODEL_INVALID", lines);
        Assert.Contains("Only 'good' has a validation score (ko-en): loss 1.5000.", lines);
        Assert.EndsWith(
            "Resume it:  workflows resume g --state /tmp/s\n", output.ToString(), StringComparison.Ordinal);
    }

    /// <summary>A Hangul syllable takes two columns of a terminal.</summary>
    [Fact]
    public void Write_InKorean_HasColumnsOfOneWidthAndNoEnglishButNamesAndLabelledWords()
    {
        using var output = new StringWriter { NewLine = "\n" };

        VariantText.Write(
            Comparison with
            {
                KoreanNotes = [ComparisonWording.RuleIn(new Words(Language.Korean))],
                Egress = new EgressCost(0.5, new Dictionary<RunStageName, double>(), 1, 1),
            },
            output, language: Language.Korean);

        var lines = output.ToString().Split('\n');
        Assert.Contains(
            "  변형             검증  BLEU 기본    조정  chrF++ 기본    조정         비용  테스트, 기본 모델과 비교", lines);
        Assert.Contains(
            "* good      손실 1.5000       6.70   24.16        13.90   36.40   0.2500 USD  더 나음, p = 0.0010", lines);
        Assert.Contains("  비용       0.25 USD(예산 1.00)", lines);
        Assert.Contains("  이그레스   0.50 USD, 계산한 값이며 비용에 포함되지 않음", lines);
        Assert.Contains("  보고서     comparison.ko.html", lines);
        Assert.Contains("'good'만 검증 점수가 있습니다(ko-en): 손실 1.5000.", lines);
        Assert.Contains(lines, line => line.StartsWith("실패: VARIANTS_INCOMPLETE: ", StringComparison.Ordinal));
        Assert.Contains($"{FaultWords.KoreanMessage} m", lines);
        Assert.Contains($"{FaultWords.KoreanFix} f", lines);
        Assert.Equal("이어가려면: workflows resume g", lines[^2]);
    }

    /// <summary>workflows report ID --text has the report alone, and not the run.</summary>
    [Fact]
    public void WriteReport_OfAGroup_WritesItsComparison()
    {
        using var output = new StringWriter { NewLine = "\n" };

        Watcher.WriteReport(
            JsonSerializer.Serialize(Comparison, RunLedger.Json), output, " --state /tmp/s", Language.English);

        Assert.Contains("Only 'good' has a validation score", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Progress_OfVariantsUnderWay_NamesTheirSteps()
    {
        var run = new RunView
        {
            Id = new RunId("g"),
            Name = "g",
            Status = RunStatus.Running,
            Stage = RunStageName.Train,
            Detail = "",
            Variants =
            [
                View("a", RunStatus.Succeeded, null), View("b", RunStatus.Running, 4),
                View("c", RunStatus.Pending, null),
            ],
        };

        Assert.Equal("1 of 3 variants done; b train 4/10", VariantText.Progress(run));
        Assert.Null(VariantText.Progress(run with { Variants = null }));
        Assert.Equal(3, VariantText.Lines(run).Count());
    }

    private static VariantComparison Comparison => new()
    {
        RunId = new RunId("g"),
        Name = "g",
        Status = RunStatus.Failed,
        Failure = new RunFailure("VARIANTS_INCOMPLETE", "m", "f"),
        Resume = "workflows resume g",
        Best = [new BestVariant(RunDirection.KoToEn, "good", new RunId("g-good"), "loss", 1.5, 1)],
        Variants =
        [
            new VariantRow("good", new RunId("g-good"), RunStatus.Succeeded, new Dictionary<string, string>(), 0.25)
            {
                Direction = RunDirection.KoToEn,
                IsBest = true,
                Metric = "loss",
                Score = 1.5,
                Test = [Test],
            },
            new VariantRow("b\u001b[31m", new RunId("g-b"), RunStatus.Failed, new Dictionary<string, string>(), 0)
            {
                Direction = RunDirection.KoToEn,
                Failure = new RunFailure("MODEL_INVALID", "m", "f"),
            },
        ],
        BudgetUsd = 1,
        ActualUsd = 0.25,
        Notes = [ComparisonWording.Rule],
        Report = "comparison.json",
        Page = "comparison.html",
    };

    private static VariantView View(string name, RunStatus status, int? step) => new(
        name, new RunId($"g-{name}"), status, RunStageName.Train, "", 0.1, step, step is null ? null : 10, null);
}
