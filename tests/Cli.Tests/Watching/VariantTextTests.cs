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
