using System.CommandLine;
using Workflows.Activities.Reporting;
using Workflows.Cli.Commands;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;
using Workflows.Translation;

namespace Workflows.Cli.Tests.Watching;

/// <summary>The end of a run on the command line; the words of the verdict are the report's own.</summary>
public sealed class VerdictTextTests
{
    private static readonly VerdictSection Finer = new(
        TranslationDirection.KoToEn, true, 1.5, 0.001, null, 40, Score(10), Score(11.5),
        [new ExampleRow("원문", "reference", "before", "after")])
    {
        Outcome = VerdictOutcome.Finer,
        Notes = ["small test: 40 sentences"],
    };

    [Fact]
    public void Write_OneDirection_EndsWithTheVerdictAndItsCost()
    {
        var text = Write(Report(Finer));

        Assert.EndsWith("\nFiner: +1.50 BLEU, p = 0.0010. Cost: 0.25 USD.\n", text, StringComparison.Ordinal);
        Assert.Contains("(ko-en, 40 test sentences)", text, StringComparison.Ordinal);
        Assert.Contains("  note       small test: 40 sentences\n", text, StringComparison.Ordinal);
        Assert.Contains("  tuned      after\n", text, StringComparison.Ordinal);
        Assert.Contains(
            "2 attempts, 1 refused, 1 not asked (refused lately), 0 TPUs lost", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Language.English, "  shorter    v6e-8 us-east5-b (on-demand): 0.500 h and 3.20 USD expected\n"
        + "  cheaper    v5litepod-8 us-west4-a (spot): 2.000 h and 0.10 USD expected\n")]
    [InlineData(Language.Korean, "  더 짧음    v6e-8 us-east5-b (주문형): 예상 0.500시간, 3.20 USD\n"
        + "  더 저렴함  v5litepod-8 us-west4-a (스팟): 예상 2.000시간, 0.10 USD\n")]
    public void Write_OfARunThatOtherPlacesWereExpectedToBeat_NamesThem(Language language, string lines)
    {
        using var output = new StringWriter { NewLine = "\n" };
        var report = Report(Finer);
        var fast = new AlternativeRow(
            "v6e-8", "us-east5-b", ProvisioningMode.OnDemand, 1800, 3.2, 1800, 3.2, true, false, false,
            AlternativeRow.Scaled);

        VerdictText.Write(
            report with
            {
                Cost = report.Cost with
                {
                    Alternatives =
                    [
                        fast,
                        fast with
                        {
                            AcceleratorType = "v5litepod-8", Zone = "us-west4-a", Provisioning = ProvisioningMode.Spot,
                            Seconds = 7200, Usd = 0.1, IsShorter = false, IsCheaper = true,
                        },
                    ],
                },
            },
            output, language: language);

        Assert.Contains(lines, output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Language.English, false,
        "  translate  ko-en: 1.25 USD per million characters on v5litepod-1 us-west4-a "
        + "(spot); the base model 0.0625\n")]
    [InlineData(Language.English, true, "(spot); the base model 0.0625, at this machine's rate\n")]
    [InlineData(Language.Korean, false,
        "  번역       ko-en: 백만 자당 1.25 USD, v5litepod-1 us-west4-a (스팟); 기본 모델 0.0625\n")]
    [InlineData(Language.Korean, true, "기본 모델 0.0625 (이 컴퓨터의 속도)\n")]
    public void Write_OfARunThatMeasuredItsTranslations_NamesTheirPrice(
        Language language, bool isRehearsal, string line)
    {
        using var output = new StringWriter { NewLine = "\n" };
        var report = Report(Finer);
        var tuned = new TranslationPrice(
            "tuned", "ko-en", 1.25, 100, "v5litepod-1", "us-west4-a", ProvisioningMode.Spot, 0.5, 100, "v5litepod-1",
            AlternativeRow.ThisRun);

        VerdictText.Write(
            report with
            {
                IsRehearsal = isRehearsal,
                Cost = report.Cost with
                {
                    Translation = [tuned with { Model = "base", UsdPerMillionCharacters = 0.0625 }, tuned],
                },
            },
            output, language: language);

        Assert.Contains(line, output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_InKorean_EndsWithTheVerdictAndHasNoEnglishButNames()
    {
        using var output = new StringWriter { NewLine = "\n" };
        var report = Report(Finer with { Notes = [.. VerdictWording.SmallTest(40)], Examples = [] });

        VerdictText.Write(
            report with
            {
                IsRehearsal = true,
                Training = new TrainingSection(6, 100, 10, 4, 1, 10) { Epochs = 25, StoppedEarly = true },
                Cost = report.Cost with { EstimatedHours = 1, ActualHours = 2 },
            },
            output, language: Language.Korean);

        var text = output.ToString();
        Assert.EndsWith(
            "\n더 나음: +1.50 BLEU, p = 0.0010. 비용: 0.25 USD.\n", text, StringComparison.Ordinal);
        Assert.Contains("시도 2회, 거부 1회, 최근에 거부되어 요청하지 않음 1회, 도중에 잃은 TPU 0개", text, StringComparison.Ordinal);
        Assert.Contains("report.ko.html", text, StringComparison.Ordinal);
        Assert.DoesNotMatch(
            "[a-z]{3}", text.Replace("report.ko.html", "", StringComparison.Ordinal)
                .Replace("nrefs:1|tok:13a", "", StringComparison.Ordinal)
                .Replace("training.steps", "", StringComparison.Ordinal).Replace("chrF", "", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(null, null, "ko_KR.UTF-8", Language.Korean)]
    [InlineData(null, "en_US.UTF-8", "ko_KR.UTF-8", Language.English)]
    [InlineData("ko_KR.UTF-8", "en_US.UTF-8", "en_US.UTF-8", Language.Korean)]
    [InlineData("", "", "fr_FR.UTF-8", Language.English)]
    [InlineData("C", null, "ko_KR.UTF-8", Language.English)]
    public void Language_OfTheEnvironment_IsThatOfItsFirstVariable(
        string? all, string? messages, string? lang, Language expected) =>
        Assert.Equal(expected, CommonOptions.LanguageOf(name => name switch
        {
            "LC_ALL" => all,
            "LC_MESSAGES" => messages,
            _ => lang,
        }));

    [Fact]
    public void Language_ThatTheCommandDoesNotKnow_IsRefusedWithTheOnesItDoes()
    {
        var parsed = new RootCommand { CommonOptions.Lang }.Parse(["--lang", "fr"]);

        Assert.Equal(
            "--lang: 'fr' is not a language of this command; use en or ko.", Assert.Single(parsed.Errors).Message);
    }

    [Fact]
    public void Write_AStoppedRun_EndsWithTheCommandThatResumesIt()
    {
        using var output = new StringWriter { NewLine = "\n" };

        VerdictText.Write(
            Report() with
            {
                Status = RunStatus.Failed,
                Failure = new RunFailure("BUDGET_EXHAUSTED", "m", "f"),
                Resume = "workflows resume run-1 --set budgetUsd=20",
            },
            output, " --state /tmp/s");

        Assert.EndsWith(
            "Failed: BUDGET_EXHAUSTED: m\nf\nResume it:  workflows resume run-1 --set budgetUsd=20 --state /tmp/s\n",
            output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_ARunThatWasResumed_SaysWhenItStopped()
    {
        var text = Write(Report(Finer) with
        {
            Stops =
            [
                new StopRow(
                    RunStatus.Failed, new RunFailure("BUDGET_EXHAUSTED", "m", "f"), DateTimeOffset.UnixEpoch, 1.25, 41,
                    DateTimeOffset.UnixEpoch, 40, []),
                new StopRow(
                    RunStatus.Cancelled, null, DateTimeOffset.UnixEpoch, 2, 60, DateTimeOffset.UnixEpoch, null, []),
            ],
        });

        Assert.Contains(
            "  stopped    failed, BUDGET_EXHAUSTED after 41 steps and 1.25 USD; resumed from step 40\n"
                + "  stopped    cancelled after 60 steps and 2.00 USD; resumed from step 0\n",
            text, StringComparison.Ordinal);
        Assert.DoesNotContain("Resume it", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_OneOfEachThing_HasNoPlural()
    {
        var row = new TeardownRow("projects/p/locations/z/nodes/n", "z", null, false);
        var text = Write(Report(Finer with { TestPairs = 1 }) with
        {
            Attempts = [Attempt(AttemptOutcome.Ready)],
            Recoveries = [new RecoveryRow("z", "PREEMPTED", 1, 50, 12)],
            Teardown = [row],
            Training = new TrainingSection(1, 1000, 50, 4, 1, 20),
        });

        foreach (var part in new[]
        {
            ", 1 test sentence)", "1 attempt, 0 refused, 1 TPU lost", "1 node; 0 proved gone", "1 step, 1000 tokens",
        })
        {
            Assert.Contains(part, text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Write_TwoDirections_NamesEach()
    {
        var worse = Finer with
        {
            Direction = TranslationDirection.EnToKo,
            Outcome = VerdictOutcome.Worse,
            BleuDelta = -2,
            PValue = 0.002,
        };

        Assert.EndsWith(
            "ko-en: Finer: +1.50 BLEU, p = 0.0010. en-ko: Significantly worse: -2.00 BLEU, p = 0.0020. "
            + "Cost: 0.25 USD.\n",
            Write(Report(Finer, worse)), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_IdenticalOutputs_PrintsNoP()
    {
        var text = Write(Report(Finer with { Outcome = VerdictOutcome.Identical, BleuDelta = 0, PValue = null }));

        Assert.Contains("\nIdentical translations: both models", text, StringComparison.Ordinal);
        Assert.DoesNotContain("p = ", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_BaseOfOneOutput_EndsWithTheReportsSentenceAndNoP()
    {
        var text = Write(Report(Finer with { Outcome = VerdictOutcome.NotCompared, Finer = false, PValue = null }));

        Assert.EndsWith(
            "\nNot compared: the base model gave one output for all 40 sentences. Cost: 0.25 USD.\n", text,
            StringComparison.Ordinal);
        Assert.DoesNotContain("p = ", text, StringComparison.Ordinal);
        Assert.DoesNotContain("+1.50", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_RunThatFailed_SaysWhyAndWhatToDo() => Assert.EndsWith(
        "\nFailed: A_CODE: what happened\nwhat to do\n",
        Write(Report() with
        {
            Status = RunStatus.Failed,
            Failure = new RunFailure("A_CODE", "what happened", "what to do"),
        }),
        StringComparison.Ordinal);

    /// <summary>The code's own sentence first; the message and its fix, which are English, say that they are.</summary>
    [Theory]
    [InlineData("NO_CAPACITY", "실패: NO_CAPACITY: ")]
    [InlineData("CODE_OF_TOMORROW", "실패: CODE_OF_TOMORROW\n")]
    public void Write_RunThatFailed_InKorean_LabelsTheEnglish(string code, string begin)
    {
        using var output = new StringWriter { NewLine = "\n" };

        VerdictText.Write(
            Report() with
            {
                Status = RunStatus.Failed,
                Failure = new RunFailure(code, "what happened", "what to do"),
            },
            output, language: Language.Korean);

        Assert.Contains($"\n{begin}", output.ToString(), StringComparison.Ordinal);
        Assert.EndsWith(
            "\n자세한 내용(영어): what happened\n해결 방법(영어): what to do\n", output.ToString(), StringComparison.Ordinal);
    }

    /// <summary>Sentences of a corpus and of a model, and the words of an error, may hold anything.</summary>
    [Fact]
    public void Write_TextsWithTerminalSequences_ShowsThemAsText()
    {
        const string evil = "\u001b[31m\u001b]8;;http://x\u0007\r\u009bA\u2066b";
        var text = Write(Report(Finer with
        {
            Notes = [$"note {evil}"],
            Examples = [new ExampleRow($"원문 {evil}", $"reference {evil}", $"before {evil}", $"after {evil}")],
        }) with
        {
            Status = RunStatus.Failed,
            Verdict = null,
            Failure = new RunFailure($"CODE {evil}", $"message {evil}", $"fix {evil}"),
            Artifacts = new ArtifactSection($"model {evil}", "report.json", $"page {evil}"),
        });

        Assert.DoesNotContain(text, character => character != '\n' && char.IsControl(character));
        Assert.DoesNotContain('\u2066', text);
        foreach (var part in new[]
        {
            "note", "원문", "reference", "before", "after", "CODE", "message", "fix", "model", "page",
        })
        {
            Assert.Contains(
                $@"{part} \u001b[31m\u001b]8;;http://x\u0007\u000d\u009bA\u2066b", text, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(RunStatus.Cancelled, "Run run-1 is cancelled; everything was given back.\n")]
    [InlineData(RunStatus.Succeeded, "Run run-1 is succeeded; everything was given back.\n")]
    public void Write_RunWithoutAVerdict_SaysHowItEnded(RunStatus status, string last) =>
        Assert.EndsWith(last, Write(Report() with { Status = status }), StringComparison.Ordinal);

    [Fact]
    public void Write_TrainedAdapterThatStoppedEarly_SaysBoth()
    {
        var training = new TrainingSection(20, 1000, 50, 4, 1, 20)
        {
            Method = "lora",
            TrainedParameters = 512,
            StoppedEarly = true,
            OutputStep = 10,
        };

        Assert.Contains(
            "20 steps, 1000 tokens at 50/s, loss 4.000 to 1.000, an adapter of 512 weights, stopped early; "
            + "kept step 10\n",
            Write(Report() with { Training = training }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(20.0, false)]
    [InlineData(20.5, true)]
    public void Write_Training_PrintsItsPassesAndWarnsOfTooMany(double epochs, bool isWarned)
    {
        var training = new TrainingSection(20, 1000, 50, 4, 1, 20) { Epochs = epochs };

        var text = Write(Report() with { Training = training });

        Assert.Contains($"loss 4.000 to 1.000, {epochs:0.0} passes\n", text, StringComparison.Ordinal);
        Assert.Equal(isWarned, text.Contains(
            "  note       20.5 passes over the training pairs: above 20 a model learns them by heart",
            StringComparison.Ordinal));
    }

    [Fact]
    public void Write_OfARunWithEgress_TellsItBesideTheCost()
    {
        var report = Report();
        var egress = new EgressCost(1.25, new Dictionary<RunStageName, double>(), 10, 20);

        var text = Write(report with { Cost = report.Cost with { Egress = egress, EstimatedEgressUsd = 2 } });

        Assert.Contains("  cost       0.25 USD", text, StringComparison.Ordinal);
        Assert.Contains(
            "  egress     1.25 USD, computed and not in the cost (estimated 2.00)", text, StringComparison.Ordinal);
        Assert.DoesNotContain("egress", Write(report), StringComparison.Ordinal);
    }

    private static string Write(RunReport report)
    {
        using var output = new StringWriter { NewLine = "\n" };
        VerdictText.Write(report, output);
        return output.ToString();
    }

    private static SystemScore Score(double bleu) =>
        new(bleu, "nrefs:1|tok:13a", bleu, "nrefs:1|nc:6", "h.txt", new Dictionary<string, int>());

    private static RunReport Report(params VerdictSection[] verdicts) => new()
    {
        RunId = new RunId("run-1"),
        Name = "n",
        Status = RunStatus.Succeeded,
        Verdict = verdicts.FirstOrDefault(),
        Verdicts = verdicts,
        Attempts = [Attempt(AttemptOutcome.Refused), Attempt(AttemptOutcome.Skipped), Attempt(AttemptOutcome.Ready)],
        Recoveries = [],
        Cost = new CostSection("USD", 0.5, 0.25, 10, new Dictionary<RunStageName, double>()),
        Teardown = [],
        Stages = [],
        Artifacts = new ArtifactSection(null, "report.json", "report.html"),
    };

    private static AttemptRow Attempt(AttemptOutcome outcome) =>
        new(1, "z-a", "t", ProvisioningMode.Spot, outcome, null, null, null, null, 1);
}
