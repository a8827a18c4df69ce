using System.Text.RegularExpressions;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.Translation.Metrics;

namespace Workflows.Activities.Tests.Reporting;

/// <summary>The report's page in both languages: each whole, and neither mixed with the other.</summary>
public sealed partial class LanguageTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    /// <summary>Names and units that Korean texts of the field write in Latin letters.</summary>
    private static readonly HashSet<string> Latin = new(StringComparer.Ordinal)
    {
        "TPU", "BLEU", "chrF", "UTC", "NOT", "FOUND", "English", "nat", "training", "steps", "JSON", "GB",
    };

    private static RunReport Full
    {
        get
        {
            var verdict = Reports.Verdict(VerdictOutcome.Finer, 4, 0.001, 40) with
            {
                Notes =
                [
                    .. VerdictWording.SmallTest(40),
                    .. VerdictWording.SameOutputs("tuned", new CommonOutput("네", 30, 40, false, IsFrequent: true)),
                    "base: of 40 outputs 3 never ending, 1 copied source",
                ],
                Examples = [new ExampleRow("1", "2", "3", "4")],
            };
            verdict = verdict with
            {
                Base = verdict.Base with { Warnings = new Dictionary<string, int> { ["never ending"] = 3 } },
            };
            var report = Reports.Report(verdict);
            return report with
            {
                Name = "1",
                IsRehearsal = true,
                IsDraft = true,
                Resume = "workflows resume",
                Failure = new RunFailure("CODE", "the message", "the fix"),
                Stops =
                [
                    new StopRow(RunStatus.Cancelled, null, Noon, 1, 41, Noon, 40, [new FieldChange("1", null, "2")]),
                ],
                Deadline = new DeadlineSection(Noon, IsMet: false, Noon, -1)
                {
                    SwitchedAt = Noon,
                    SwitchReason = SwitchReason.Deadline,
                },
                Training = new TrainingSection(50, 1000, 100, 4, 1, 10)
                {
                    Method = "lora",
                    TrainedParameters = 1000,
                    Epochs = 30,
                    StoppedEarly = true,
                    OutputStep = 40,
                },
                Validations = [new ValidationFact(40, 2.5, "loss")],
                Compile = new CompileFact(1.5, 2, 3),
                Cost = report.Cost with
                {
                    EstimatedHours = 1,
                    ActualHours = 2,
                    Parts = [new EstimateRow("train", 1, 2, "it did not end"), new EstimateRow("rest", 1, null, "why")],
                    Basis = "as measured",
                    Egress = new EgressCost(1, new Dictionary<RunStageName, double>(), 2, 3),
                    EstimatedEgressUsd = 4,
                    Alternatives =
                    [
                        .. new[]
                        {
                            AlternativeRow.ThisRun, AlternativeRow.EarlierRun, AlternativeRow.Scaled,
                            AlternativeRow.Assumed,
                        }.Select(rates => new AlternativeRow(
                            "1", "2", ProvisioningMode.Spot, 1, 2, 3, 4, true, true, false, rates)),
                    ],
                    Translation =
                    [
                        new TranslationPrice(
                            "tuned", "ko-en", 1, 2, "1", "2", ProvisioningMode.OnDemand, 3, 4, "5",
                            AlternativeRow.Scaled),
                    ],
                },
                Data = new PreparedData("t", "e", 100, 40, new Dictionary<string, int>
                {
                    ["train: length ratio"] = 2,
                    ["in the test set (near duplicate)"] = 1,
                })
                {
                    ValidationPairs = 10,
                    Samples = [new DroppedSample("train: length ratio", 1, "2")],
                    Gates = [new GateResult("values", "every weight is finite")],
                },
            };
        }
    }

    [Fact]
    public void Page_InKorean_HasNoEnglishButNamesAndQuotes()
    {
        var text = TextOf(Render(Language.Korean));

        string[] names =
        [
            "run", "us", "v5litepod", "nrefs", "tok", "nc", "a", "b1", "a1", "n", "13a", "QUOTA", "EXHAUSTED",
            "PREEMPTED", "ko", "en", "p", "Z",
        ];
        Assert.Equal([], Word().Matches(text).Select(each => each.Value).Except(Latin).Except(names).Distinct());
        Assert.Contains("더 나음: +4.00 BLEU, p = 0.0010.", text, StringComparison.Ordinal);
        Assert.Contains("50스텝", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_InEnglish_HasNoKoreanButTheWayThere() =>
        Assert.Equal("한국어", string.Concat(Hangul().Matches(
            TextOf(Render(Language.English)).Replace("네", "", StringComparison.Ordinal)).Select(each => each.Value)));

    [Theory]
    [InlineData(Language.English, "<html lang=\"en\">", "href=\"report.ko.html\"")]
    [InlineData(Language.Korean, "<html lang=\"ko\">", "href=\"report.html?lang=en\"")]
    public void Page_NamesItsLanguageAndTheOther(Language language, string tag, string link)
    {
        var page = Render(language);

        Assert.Contains(tag, page, StringComparison.Ordinal);
        Assert.Contains(link, page, StringComparison.Ordinal);
    }

    /// <summary>Notes are kept in English: each sentence that this version writes has its Korean.</summary>
    [Fact]
    public void Notes_OfEveryKind_AreTranslated()
    {
        string[] notes =
        [
            .. VerdictWording.SmallTest(40),
            .. VerdictWording.SameOutputs("base", new CommonOutput("", 40, 40, IsOnly: true, IsFrequent: true)),
            .. VerdictWording.SameOutputs("tuned", new CommonOutput("x", 40, 40, IsOnly: true, IsFrequent: true)),
            .. VerdictWording.SameOutputs("tuned", new CommonOutput("x", 30, 40, IsOnly: false, IsFrequent: true)),
            .. Enum.GetValues<OutputFault>().Select(fault => $"base: of 40 outputs 2 {SystemScore.NameOf(fault)}"),
        ];

        Assert.Equal(4 + Enum.GetValues<OutputFault>().Length, notes.Length);
        Assert.All(notes, note => Assert.DoesNotMatch("[A-Za-z]{2}", NoteWords.Of(note, new Words(Language.Korean))));
        Assert.Equal("a later note", NoteWords.Of("a later note", new Words(Language.Korean)));
    }

    [Theory]
    [InlineData("it did not end", "끝나지 않음")]
    [InlineData("0.5 TFLOP/s reached, 1E-05 assumed; 3 of 6 steps", "실제 0.5TFLOP/s(가정 1E-05), 6스텝 중 3스텝")]
    [InlineData("40 test sentences, 50 assumed", "테스트 문장 40개(가정 50개)")]
    [InlineData(
        "boot, loading the model, compilation, checkpoints, giving back; 1 TPU lost, with the steps that were done "
            + "again",
        "부팅, 모델 로드, 컴파일, 체크포인트, 반납, 잃은 TPU 1개와 다시 수행한 스텝")]
    [InlineData("it did not end; <b>", "<span lang=\"en\">it did not end; &lt;b&gt;</span>")]
    [InlineData("", "")]
    public void Reasons_OfDifferences_AreTranslatedOrMarkedAsEnglish(string why, string expected) =>
        Assert.Equal(expected, EstimateWords.Html(why, new Words(Language.Korean)));

    [Fact]
    public void Names_OfEveryMember_AreKorean()
    {
        var words = new Words(Language.Korean);
        string[] names =
        [
            .. Enum.GetValues<RunStatus>().Select(words.Name), .. Enum.GetValues<RunStageName>().Select(words.Name),
            .. Enum.GetValues<AttemptOutcome>().Select(words.Name),
            .. Enum.GetValues<ProvisioningMode>().Select(words.Name),
            .. Enum.GetValues<RefusalScope>().Select(words.Name), .. Enum.GetValues<SwitchReason>().Select(words.Name),
        ];

        Assert.All(names, name => Assert.Matches("^[가-힣 ]+$", name));
    }

    [Theory]
    [InlineData("ko", Language.Korean)]
    [InlineData("ko_KR.UTF-8", Language.Korean)]
    [InlineData("KO-kr", Language.Korean)]
    [InlineData("en_US@euro", Language.English)]
    [InlineData("kok-IN", null)]
    [InlineData("C.UTF-8", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void Language_OfATagOrLocale_IsFound(string? name, Language? expected) =>
        Assert.Equal(expected, Words.Find(name));

    private static string Render(Language language) => ReportPage.Render(
        Full, [Point(1, 4), Point(50, 1)], language);

    private static MetricPoint Point(int step, double loss) => new(Noon, step, 50, loss, 0.1, 1, 1, 100, 0);

    /// <summary>The words of a page in its own language: without marks, styles, codes, and quotes that are marked as
    /// English.</summary>
    private static string TextOf(string page) => Mark().Replace(Foreign().Replace(page, " "), " ");

    [GeneratedRegex(@"<style>.*?</style>|<code>.*?</code>|<span lang=""en"">.*?</span>", RegexOptions.Singleline)]
    private static partial Regex Foreign();

    [GeneratedRegex("<(?![^>]*(?:title|aria-label)=)[^>]*>|<[^>]*?(?:title|aria-label)=\"|\">|&\\w+;")]
    private static partial Regex Mark();

    [GeneratedRegex("[A-Za-z][A-Za-z0-9]*")]
    private static partial Regex Word();

    [GeneratedRegex("[가-힣]+")]
    private static partial Regex Hangul();
}
