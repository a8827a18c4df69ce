using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Data;
using Workflows.Activities.Handover;
using Workflows.Activities.Reporting;
using Workflows.Activities.Tests.Reporting;
using Workflows.Activities.Training;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Variants;

/// <summary>The best variant by the validation set, whatever the test set says.</summary>
public sealed class ComparisonTests : IDisposable
{
    private static readonly RunId Id = new("g");

    private readonly TemporaryFolder _folder = new("workflows-comparison-");
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 29, 8, 0, 0, TimeSpan.Zero));
    private readonly RunLedger _ledger;
    private readonly List<RunVariant> _variants = [];

    public ComparisonTests() => _ledger = new RunLedger(_folder.Path, _clock);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Best_ByLoss_IsTheLowestAndNotTheHighestTestScore()
    {
        Add("low", score: 1.5, testDelta: 1);
        Add("lucky", score: 1.9, testDelta: 9);

        var comparison = Build();

        Assert.Equal(("low", "loss", 1.5, 2), Of(Assert.Single(comparison.Best)));
        Assert.Equal(["low"], comparison.Variants.Where(row => row.IsBest).Select(row => row.Name));
        Assert.Contains(
            comparison.Notes, note => note.StartsWith("'lucky' has a higher BLEU", StringComparison.Ordinal));
        Assert.Equal("Best of 2 (ko-en): 'low', validation loss 1.5000.", comparison.Best[0].Summary);
    }

    [Fact]
    public void Best_ByChrf_IsTheHighestOfThoseWithAVerdict()
    {
        Add("weak", score: 30, metric: "chrf");
        Add("strong", score: 40, metric: "chrf");
        Add("broken", score: 50, metric: "chrf", status: RunStatus.Failed);

        Assert.Equal(("strong", "chrf", 40, 2), Of(Assert.Single(Build().Best)));
    }

    [Fact]
    public void Best_OfEqualScores_IsTheCheaper()
    {
        Add("dear", score: 2, hours: 2);
        Add("cheap", score: 2, hours: 1);

        Assert.Equal("cheap", Assert.Single(Build().Best).Variant);
    }

    /// <summary>A node that is not in the plan of the variant that got it is given back, and saves no boot.</summary>
    [Fact]
    public void Boots_OfNodesThatWerePassedOn_AreThoseOfVariantsThatWorkedOnThem()
    {
        Add("a", score: 1);
        Add("b", score: 2);
        var (from, to) = (new RunId("g-a"), new RunId("g-b"));
        var lease = new TpuLease(Rent("g-a", "wf-g-a-1"), _ledger.Read<TpuLease>(from, LedgerKinds.Intent)[0]
            .Data.Candidate, 0);
        _ledger.Append(to, LedgerKinds.Received, $"{lease.NodeName}", new ReceivedFact(
            lease, from, _clock.GetUtcNow(), _clock.GetUtcNow()));

        var unused = Build();
        _ledger.Append(to, LedgerKinds.Job, "train@g-b@wf-g-a-1", new DispatchInput(
            JobKind.Train, _variants[1].Spec,
            new PreparedData("t", "t", 1, 1, new Dictionary<string, int>()), lease, "run", null));
        var used = Build();

        Assert.Null(unused.Variants[1].NodeFrom);
        Assert.Equal([0, 1], new[] { unused, used }.Select(each => each.Notes.Count(
            note => note.StartsWith("1 variant got the node of another one", StringComparison.Ordinal))));
        Assert.Equal(from, used.Variants[1].NodeFrom);
    }

    [Fact]
    public void Best_OfSeveralDirections_IsOneForEach()
    {
        Add("a", score: 1);
        Add("b", score: 2, direction: RunDirection.Both);
        Add("c", score: 3, direction: RunDirection.Both);

        Assert.Equal(
            [(RunDirection.KoToEn, "a"), (RunDirection.Both, "b")],
            Build().Best.Select(best => (best.Direction, best.Variant)));
    }

    [Fact]
    public void Score_OfAVariantThatKeepsAnEarlierStep_IsThatStepsScore()
    {
        Add("a", score: 1.25, step: 20);

        var row = Assert.Single(Build().Variants);

        Assert.Equal((1.25, 20, 60), (row.Score, row.Step, row.Steps));
    }

    [Fact]
    public void Rows_OfVariantsWithoutAReport_SayHowFarTheyAre()
    {
        Add("under", score: null);
        Add("waiting", score: null);
        _ledger.Append(Id, LedgerKinds.VariantBegun, "g-under#1", new VariantBegun(new RunId("g-under"), "under", 1));

        var comparison = Build();

        Assert.Equal([RunStatus.Running, RunStatus.Pending], comparison.Variants.Select(row => row.Status));
        Assert.Empty(comparison.Best);
        Assert.Contains("Not all variants are done", ComparisonPage.Render(comparison), StringComparison.Ordinal);
    }

    [Fact]
    public void Page_OfNamesFromAnyone_EscapesThem()
    {
        Add("a", score: 1, changes: """{"model": "/m/<script>alert(1)</script>"}""");

        var page = ComparisonPage.Render(Build());

        Assert.DoesNotContain("<script>", page, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;", page, StringComparison.Ordinal);
        Assert.Contains("href=\"../g-a/report.html\"", page, StringComparison.Ordinal);
    }

    /// <summary>Names, codes and figures are the same in both languages; all other words are Korean.</summary>
    [Fact]
    public void Page_InKorean_HasNoEnglishButNamesAndLabelledWords()
    {
        Add("a", score: 1.5, testDelta: 1);
        Add("b", score: 1.9, testDelta: 9);
        Add("c", score: null, status: RunStatus.Failed);
        var comparison = Build() with
        {
            IsDraft = true,
            Failure = new RunFailure("VARIANTS_INCOMPLETE", "the message", "the fix"),
            Resume = "workflows resume",
            Egress = new EgressCost(1, new Dictionary<RunStageName, double>(), 2_000_000_000, 3_000_000_000),
        };

        var page = ComparisonPage.Render(comparison, Language.Korean);

        Assert.Contains("""<html lang="ko">""", page, StringComparison.Ordinal);
        Assert.Contains("""<a href="report.html?lang=en" """, page, StringComparison.Ordinal);
        Assert.Contains("../g-a/report.ko.html", page, StringComparison.Ordinal);
        Assert.Contains("<strong>1.00 USD</strong><span>이그레스", page, StringComparison.Ordinal);
        Assert.Contains("5.000GB", page, StringComparison.Ordinal);
        Assert.Contains(
            $"<b>{FaultWords.KoreanMessage}</b> <span lang=\"en\">the message</span>", page, StringComparison.Ordinal);
        var text = WebUtility.HtmlDecode(Regex.Replace(
            page, "<style>.*?</style>|<code>.*?</code>|<[a-z]+[^>]* lang=\"en\">.*?</[a-z]+>|<[^>]+>", " ",
            RegexOptions.Singleline));
        string[] names = ["BLEU", "chrF", "USD", "GB", "TPU", "VARIANTS", "INCOMPLETE", "group", "ko", "en"];
        Assert.Equal([], Regex.Matches(text, "[A-Za-z]{2,}").Select(each => each.Value).Distinct().Except(names));
        Assert.Contains("변형 2개 중 가장 좋은 변형(ko-en): 'a', 검증 손실 1.5000.", text, StringComparison.Ordinal);
        Assert.Contains("테스트 세트의 BLEU는 'b' 변형이 'a' 변형보다 높습니다.", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Note:", text, StringComparison.Ordinal);
        Assert.Matches("[가-힣]", Assert.Single(
            Regex.Matches(ComparisonPage.Render(comparison), "[^>]*[가-힣][^<]*").Select(each => each.Value)));
    }

    /// <summary>A comparison of an earlier version has no notes in Korean: they are shown as the English that they
    /// are.</summary>
    [Fact]
    public void Page_InKoreanOfAnEarlierVersion_MarksItsNotes()
    {
        Add("a", score: 1.5, testDelta: 1);
        Add("b", score: 1.9, testDelta: 9);

        var page = ComparisonPage.Render(Build() with { KoreanNotes = null }, Language.Korean);

        Assert.Contains("참고: <span lang=\"en\">&#39;b&#39; has a higher BLEU", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Costs_OfAGroup_AreThoseOfItsVariantsOnce()
    {
        Add("a", score: 1, hours: 1);
        Add("b", score: 2, hours: 3);
        Add("c", score: null);
        Build();

        var now = _clock.GetUtcNow();
        Assert.Equal(40, RunCosts.Of(_ledger, Id, now).ActualUsd, 9);
        Assert.Equal(40, RunCosts.ByDay(_ledger, Id, now).Values.Sum(), 9);
        Assert.Equal(10, RunCosts.Of(_ledger, new RunId("g-a"), now).ActualUsd, 9);
        Assert.Empty(RunCosts.Left(_ledger, Id, now));
        Rent("g-c", "n2");
        Assert.Equal(10, RunCosts.UsdPerHour(_ledger, Id));
        Assert.Equal("n2", Assert.Single(RunCosts.Left(_ledger, Id, now)).Lease.NodeName.NodeId);
    }

    [Theory]
    [InlineData(1, 60)]
    [InlineData(2, 40)]
    [InlineData(3, 30)]
    [InlineData(9, 30)]
    public void Makespan_OfSomePlaces_IsThatOfTheLastVariant(int concurrency, double seconds) =>
        Assert.Equal(seconds, PlanVariantsActivity.Makespan([20, 10, 30], concurrency));

    [Fact]
    public async Task Begin_OnceTheGroupHasSpentItsBudget_IsRefused()
    {
        Add("a", score: 1, hours: 1);
        Add("b", score: null);
        Build();
        var begin = new BeginVariantActivity(_ledger, _clock);
        var next = _variants[1].Spec with { BudgetUsd = 10.01 };

        Assert.Null(await begin.RunAsync(null!, new VariantStart(Id, next)));
        Assert.Equal(Id, VariantLedgers.GroupOf(_ledger, new RunId("g-b")));
        Assert.Equal("rehearsal-g", VariantLedgers.RehearsalProject(_ledger, new RunId("g-b")));
        var refusal = await begin.RunAsync(null!, new VariantStart(Id, next with { BudgetUsd = 10 }));

        Assert.Equal("BUDGET_EXHAUSTED", refusal?.Code);
        Assert.Single(_ledger.Read<VariantBegun>(Id, LedgerKinds.VariantBegun));
    }

    /// <summary>Ids are joined with dashes, so two groups may come to the same one.</summary>
    [Fact]
    public async Task Begin_OfAVariantWhoseIdIsAnotherRuns_IsRefusedWithoutAFact()
    {
        Add("a", score: null);
        Add("b", score: null);
        Build();
        _ledger.Append(new RunId("g-a"), LedgerKinds.VariantOf, "group", new VariantGroup(new RunId("other"), "x"));
        _ledger.Append(new RunId("g-b"), LedgerKinds.Plan, "plan", new { });
        var begin = new BeginVariantActivity(_ledger, _clock);

        foreach (var variant in _variants)
        {
            var refusal = await begin.RunAsync(null!, new VariantStart(Id, variant.Spec with { BudgetUsd = 5 }));
            Assert.Equal("VARIANT_ID_TAKEN", refusal?.Code);
        }

        Assert.Empty(_ledger.Read<VariantBegun>(Id, LedgerKinds.VariantBegun));
        Assert.Null(VariantLedgers.GroupOf(_ledger, new RunId("g-b")));
    }

    /// <summary>A part that breaks at once says nothing in its own ledger, and the next one is another part.</summary>
    [Fact]
    public async Task End_OfAPartThatNeverWroteThatItWasResumed_IsThatPartsEnd()
    {
        Add("a", score: 9, status: RunStatus.Failed);
        Build();
        var spec = _variants[0].Spec with { BudgetUsd = 5 };
        _ledger.Append(spec.RunId, LedgerKinds.VariantOf, "group", spec.Group!);
        var (begin, end) = (new BeginVariantActivity(_ledger, _clock), new EndVariantActivity(_ledger, _clock));
        Assert.Null(await begin.RunAsync(null!, new VariantStart(Id, spec)));
        await EndAsync("MODEL_INVALID");
        Assert.Null(await begin.RunAsync(null!, new VariantStart(Id, spec with { Resumption = PartOf(2) })));

        // While it is under way, the report is that of the part before.
        var draft = Assert.Single(ComparisonBuilder.Build(
            _ledger, Id, RunStatus.Running, null, _clock.GetUtcNow()).Variants);
        Assert.Equal((RunStatus.Running, null, null), (draft.Status, draft.Score, draft.Failure?.Code));
        Assert.True(await EndAsync("INTERNAL"));

        var row = Assert.Single(ComparisonBuilder.Build(
            _ledger, Id, RunStatus.Failed, null, _clock.GetUtcNow()).Variants);
        Assert.Equal((RunStatus.Failed, "INTERNAL"), (row.Status, row.Failure?.Code));
        using var inputs = new InputWork(_ledger, InputLimits.Default, _clock);
        var state = await new OpenVariantsActivity(_ledger, inputs, _clock).RunAsync(
            null!, spec with { RunId = Id, Group = null, Variants = _variants });
        Assert.Equal(3, Assert.Single(state.Variants).Resumption?.Part);

        RunResumption PartOf(int part) => new(part, spec, DateTimeOffset.UnixEpoch, []);

        Task<bool> EndAsync(string code) => end.RunAsync(null!, new EndVariantInput(Id, new VariantEnd(
            spec.RunId, "a", RunStatus.Failed, new RunFailure(code, "It broke.", "Mend it."))));
    }

    /// <summary>Of variants that plan at once, each sees the money that the earlier plans need.</summary>
    [Fact]
    public void TakenByOthers_OfVariantsThatPlanAtOnce_IsTheirCostAndTheRestOfEarlierPlansThatFit()
    {
        Add("done", score: 1, hours: 0.1);
        foreach (var name in new[] { "under", "dear", "self", "later" })
        {
            Add(name, score: null);
        }

        Build();
        Rent("g-under", "n2");
        Plan("under", 4);
        Plan("dear", 50);
        Plan("self", 3);
        Plan("later", 5);
        _clock.Advance(TimeSpan.FromHours(0.1));

        // 1 for what is done; of 4 for the variant under way 1 is spent; 50 are too much, and were refused.
        Assert.Equal(5, Taken("self", 20), 9);
        Assert.Equal(8, Taken("later", 20), 9);
        Assert.Equal(1, Taken("under", 20), 9);
        _ledger.Append(new RunId("g-under"), LedgerKinds.End, "end", new RunOutcome(RunStatus.Failed, "r", null));
        Assert.Equal(2, Taken("self", 20), 9);
        Assert.Equal(0, VariantMoney.TakenByOthers(
            _ledger, _variants[0].Spec with { Group = null }, _clock.GetUtcNow()));

        void Plan(string name, double usd)
        {
            _ledger.Append(new RunId($"g-{name}"), LedgerKinds.Plan, "plan", new RunPlan([], usd, 1));
            _clock.Advance(TimeSpan.FromTicks(1));
        }

        double Taken(string name, double budget) => Math.Round(VariantMoney.TakenByOthers(
            _ledger, _variants.Single(each => each.Name == name).Spec with { BudgetUsd = budget },
            _clock.GetUtcNow()), 6);
    }

    private static (string, string, double, int) Of(BestVariant best) =>
        (best.Variant, best.Metric, best.Score, best.Of);

    private VariantComparison Build()
    {
        var group = _variants[0].Spec with { RunId = Id, Name = "group", Group = null, Variants = _variants };
        _ledger.Append(
            Id, LedgerKinds.Members, "members", new MembersFact([.. _variants.Select(each => each.Spec.RunId)]));
        _ledger.Append(Id, LedgerKinds.Group, "group", group);
        return ComparisonBuilder.Build(_ledger, Id, RunStatus.Running, null, _clock.GetUtcNow());
    }

    private void Add(
        string name, double? score, string metric = "loss", double testDelta = 1, double hours = 0, int step = 60,
        RunStatus status = RunStatus.Succeeded, RunDirection direction = RunDirection.KoToEn, string changes = "{}")
    {
        var id = new RunId($"g-{name}");
        _variants.Add(new RunVariant(name, changes, new RunSpec
        {
            RunId = id,
            Name = name,
            Project = "p",
            Direction = direction,
            Model = "m",
            Data = new DataSpec { Train = "t" },
            Tpu = new TpuSpec { AcceleratorTypes = ["v5litepod-8"] },
            Group = new VariantGroup(Id, name),
        }));
        if (score is not { } value)
        {
            return;
        }

        if (hours > 0)
        {
            var node = Rent($"g-{name}", "n1");
            _clock.Advance(TimeSpan.FromHours(hours));
            _ledger.Append(id, LedgerKinds.Released, $"{node}", new NodeMoment(node, "NOT_FOUND"));
        }

        var report = Reports.Report(Reports.Verdict(VerdictOutcome.Finer, testDelta, 0.001)) with
        {
            RunId = id,
            Status = status,
            Training = new TrainingSection(60, 1, 1, 3, 2, 1) { OutputStep = step, ValidationMetric = metric },
            Validations =
            [
                new ValidationFact(step, value, metric), new ValidationFact(60, step == 60 ? value : 9, metric),
            ],
        };
        File.WriteAllText(
            Path.Combine(_ledger.DirectoryOf(id), "report.json"), JsonSerializer.Serialize(report, RunLedger.Json));
        _ledger.Append(id, LedgerKinds.End, "end", new RunOutcome(status, "report.json", null));
    }

    private NodeName Rent(string run, string id)
    {
        var node = NodeName.Of("p", "us-west4-a", id);
        var place = new Candidate("us-west4-a", "v5litepod-8", ProvisioningMode.Spot, "v", 8, 10);
        _ledger.Append(new RunId(run), LedgerKinds.Intent, $"{node}", new TpuLease(node, place, 1));
        _ledger.Append(new RunId(run), LedgerKinds.Ready, $"{node}", new NodeMoment(node, "READY"));
        return node;
    }
}
