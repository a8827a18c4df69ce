using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Capacity;
using Workflows.Activities.Data;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Reporting;

/// <summary>A report sets its plan's time beside the time that the run took, and says why they differ.</summary>
public sealed class EstimateReviewTests : RunFolder
{
    private const double Parameters = 1e6;
    private const string Type = "v5litepod-8";

    private static readonly TpuLease Lease = new(
        NodeName.Of("p", "us-west4-a", "wf-r-1"),
        new Candidate("us-west4-a", "v5litepod-8", ProvisioningMode.Spot, "v", 8, 3.6), 1);

    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero));
    private readonly RunLedger _ledger;
    private readonly MeasuredRates _rates;
    private IReadOnlyList<DecodedFact>? _decoded;
    private RunSpec? _spec;

    public EstimateReviewTests()
    {
        _ledger = new RunLedger(Folder, _clock);
        _rates = new MeasuredRates(Folder);
    }

    [Fact]
    public async Task Report_OfARehearsal_HasEachPartAsExpectedAndAsItWasWithTheReason()
    {
        var planned = Plan().Time!.Train;
        var (report, page) = await RehearseAsync(new TrainFact(10, 0, 1000, 50, 4, 1, 20, 0));

        var parts = report.GetProperty("cost").GetProperty("parts").EnumerateArray().ToList();
        Assert.Equal(["train", "evaluate", "rest"], parts.Select(part => part.GetProperty("part").GetString()));
        Assert.Equal([20, 12, 8], parts.Select(part => part.GetProperty("actual").GetDouble()));
        Assert.Equal(planned, parts[0].GetProperty("estimated").GetDouble(), 9);

        // 6 x 1e6 x 10 steps of 8 rows of 128 tokens in 20 s; 2 x 1e6 x 2 x 30 sentences of 128 + 96 tokens in 12 s.
        Assert.Equal("0.00307 TFLOP/s reached, 0.1 assumed", parts[0].GetProperty("why").GetString());
        Assert.Equal(
            "0.00224 TFLOP/s reached, 0.1 assumed; 30 test sentences, 500 assumed",
            parts[1].GetProperty("why").GetString());
        Assert.StartsWith("The rate is a guess", report.GetProperty("cost").GetProperty("basis").GetString(),
            StringComparison.Ordinal);
        Assert.Contains("Estimate and outcome", page, StringComparison.Ordinal);
        Assert.Contains("<td class=\"n\">20.0 s</td><td>0.00307 TFLOP/s reached, 0.1 assumed</td>", page,
            StringComparison.Ordinal);
        Assert.Contains("The rate is a guess", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_OfARehearsal_GivesTheNextItsRates()
    {
        await RehearseAsync(new TrainFact(10, 0, 1000, 50, 4, 1, 20, 0));

        var next = Figures(new CorpusSize(100, 30)).EstimateOf(Type);

        Assert.Equal((20.0, 12.0, 8.0), (Math.Round(next.Train, 9), Math.Round(next.Evaluate, 9), next.Rest));
        Assert.Contains("rehearsal r measured on this machine", next.Basis, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_OfATrainingThatStoppedEarly_CountsItsOwnSteps()
    {
        var (report, _) = await RehearseAsync(new TrainFact(5, 0, 500, 50, 4, 1, 10, 0));

        Assert.Equal(
            "0.00307 TFLOP/s reached, 0.1 assumed; 5 of 10 steps",
            report.GetProperty("cost").GetProperty("parts")[0].GetProperty("why").GetString());
        Assert.Equal(0.003072, Rate!.TrainingTflops, 9);
    }

    [Fact]
    public async Task Report_OfALostTpu_SaysSoAndKeepsNoTimeWithoutComputing()
    {
        _ledger.Append(Id, LedgerKinds.Loss, "1", new OpenRecovery(1, "z", "PREEMPTED", 4, 2, _clock.GetUtcNow()));

        var (report, _) = await RehearseAsync(new TrainFact(10, 0, 1000, 50, 4, 1, 20, 0));

        Assert.Contains(
            "1 TPU lost", report.GetProperty("cost").GetProperty("parts")[2].GetProperty("why").GetString(),
            StringComparison.Ordinal);
        Assert.Null(Rate!.RestSeconds);
    }

    [Theory]
    [InlineData(RunStatus.Failed, false)]
    [InlineData(RunStatus.Cancelled, false)]
    [InlineData(RunStatus.Succeeded, true)]
    public async Task Report_OfARunThatDidNotSucceedOrIsADraft_LeavesNoRates(RunStatus status, bool isDraft)
    {
        await RehearseAsync(new TrainFact(10, 0, 1000, 50, 4, 1, 20, 0), status, isDraft);

        Assert.Null(Rate);
    }

    [Fact]
    public async Task Report_OfARunThatPaid_LeavesTheRatesOfItsType()
    {
        _spec = Rehearsal with { IsRehearsal = false };
        await RehearseAsync(new TrainFact(10, 0, 1000, 50, 4, 1, 20, 0));

        var next = new RunFigures(PriceCatalog.Load(null), null, _rates, null, 2 * Parameters, _spec, null);

        Assert.Equal(EstimateSource.Measured, next.EstimateOf(Type).Source);
        Assert.Equal(20, next.EstimateOf(Type).Train, 6);
        Assert.Contains("run r measured on v5litepod-8", next.EstimateOf(Type).Basis, StringComparison.Ordinal);
        Assert.Equal(EstimateSource.Assumed, next.EstimateOf("v6e-1").Source);
        Assert.Null(_rates.Find(Spec(), Parameters, Type));
    }

    /// <summary>A VM's processor says nothing about its chips.</summary>
    [Fact]
    public async Task Report_OfARunThatMayUseAProcessor_LeavesNoRates()
    {
        _spec = Rehearsal with { IsRehearsal = false, AllowHostProcessor = true };
        await RehearseAsync(new TrainFact(10, 0, 1000, 50, 4, 1, 20, 0));

        Assert.Null(_rates.Find(_spec, Parameters, Type));
    }

    /// <summary>A worker can report a training of no tokens.</summary>
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1000, 0)]
    [InlineData(0, 50)]
    public async Task Report_OfATrainingThatMeasuredNothing_HasNoRate(long tokens, double perSecond)
    {
        var (report, _) = await RehearseAsync(new TrainFact(10, 0, tokens, perSecond, 4, 1, 20, 0));

        Assert.False(report.GetProperty("cost").GetProperty("parts")[0].TryGetProperty("actual", out _));
        Assert.Null(Rate);
    }

    [Fact]
    public async Task Report_OfAPlanOfAnEarlierVersion_HasNoParts()
    {
        var (report, page) = await RehearseAsync(
            new TrainFact(10, 0, 1000, 50, 4, 1, 20, 0), plan: Plan() with { Time = null });

        Assert.False(report.GetProperty("cost").TryGetProperty("parts", out _));
        Assert.DoesNotContain("Estimate and outcome", page, StringComparison.Ordinal);
        Assert.Null(Rate);
    }

    /// <summary>A run of 40 s and 0.04 USD. Its own type elsewhere takes the same time; a type without rates is as far
    /// off as the plan was; a measured one is taken as it is.</summary>
    [Fact]
    public async Task Report_OfARunThatPaid_NamesWhatWasExpectedToBeShorterOrCheaperAtItsRates()
    {
        _spec = Rehearsal with { IsRehearsal = false };
        Ways();

        var (report, page) = await RehearseAsync(new TrainFact(10, 0, 1000, 50, 4, 1, 20, 0));

        var rows = report.GetProperty("cost").GetProperty("alternatives").Deserialize<AlternativeRow[]>(
            RunLedger.Json)!;
        Assert.Equal(
            [
                ("v5p-8", 13.18, 0.0732, true, false, AlternativeRow.EarlierRun),
                ("v6e-8", 22, 0.044, true, false, AlternativeRow.Scaled),
                ("v5litepod-8", 48, 0.025, false, true, AlternativeRow.ThisRun),
            ],
            rows.Select(row => (
                row.AcceleratorType, Math.Round(row.Seconds, 3), Math.Round(row.Usd, 4), row.IsShorter, row.IsCheaper,
                row.Rates)));
        Assert.Equal((28, 0.015), (rows[2].PlannedSeconds, Math.Round(rows[2].PlannedUsd, 6)));
        Assert.Contains("<h3>Shorter or cheaper</h3>", page, StringComparison.Ordinal);
        Assert.Contains(
            "<td>v5litepod-8 z-cheap, spot</td><td class=\"n\">48.0 s</td><td class=\"n\">$0.03</td><td>cheaper<br>",
            page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_OfARunThatLostATpu_CountsTheRestOfOtherPlacesAsPlanned()
    {
        _spec = Rehearsal with { IsRehearsal = false };
        Ways(rest: 3);
        _ledger.Append(Id, LedgerKinds.Loss, "1", new OpenRecovery(1, "z", "PREEMPTED", 4, 2, _clock.GetUtcNow()));

        var (report, _) = await RehearseAsync(new TrainFact(10, 0, 1000, 50, 4, 1, 20, 0));

        var row = report.GetProperty("cost").GetProperty("alternatives")[1];
        Assert.Equal(("v6e-8", 8 + 6 + 3), (
            row.GetProperty("acceleratorType").GetString(), row.GetProperty("seconds").GetDouble()));
    }

    [Fact]
    public async Task Report_OfARehearsal_ComparesItsOwnTypeAlone()
    {
        Ways();

        var (report, _) = await RehearseAsync(new TrainFact(10, 0, 1000, 50, 4, 1, 20, 0));

        Assert.Equal(
            ["z-cheap"],
            report.GetProperty("cost").GetProperty("alternatives").EnumerateArray()
                .Select(row => row.GetProperty("zone").GetString()));
    }

    [Fact]
    public async Task Report_OfARunThatAPlaceGaveNoNode_DoesNotNameThatPlace()
    {
        Ways();
        var refused = Lease with { Candidate = Lease.Candidate with { Zone = "z-cheap", UsdPerHour = 1.8 } };
        _ledger.Append(Id, LedgerKinds.Attempt, "9", new AttemptEnd(Id, refused, AttemptOutcome.Refused, null, 1));

        var (report, _) = await RehearseAsync(new TrainFact(10, 0, 1000, 50, 4, 1, 20, 0));

        Assert.Equal(0, report.GetProperty("cost").GetProperty("alternatives").GetArrayLength());
    }

    [Fact]
    public async Task Report_OfARunThatNoOtherPlaceBeats_SaysSo()
    {
        _ledger.Append(Id, LedgerKinds.Ways, "ways", new[] { Way(Lease.Candidate, 10, 6, 8) });

        var (report, page) = await RehearseAsync(new TrainFact(10, 0, 1000, 50, 4, 1, 20, 0));

        Assert.Equal(0, report.GetProperty("cost").GetProperty("alternatives").GetArrayLength());
        Assert.Contains("No other place or type was expected to be 5 % shorter", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(RunStatus.Failed, 50)]
    [InlineData(RunStatus.Succeeded, 0)]
    public async Task Report_OfARunWithoutAVerdictOrRate_ComparesNoOtherPlaces(RunStatus status, double perSecond)
    {
        Ways();

        var (report, page) = await RehearseAsync(new TrainFact(10, 0, 1000, perSecond, 4, 1, 20, 0), status);

        Assert.False(report.GetProperty("cost").TryGetProperty("alternatives", out _));
        Assert.DoesNotContain("Shorter or cheaper", page, StringComparison.Ordinal);
    }

    /// <summary>The tuned model translates 250 characters a second, so that a million take 1.11 hours. A slice that
    /// only holds the model is half as fast by the plan, and an eighth of the price.</summary>
    [Theory]
    [InlineData(false, "v5litepod-1", AlternativeRow.Scaled, 125, 1.0)]
    [InlineData(true, "v5litepod-8", AlternativeRow.ThisRun, 250, 2.0)]
    public async Task Report_OfTranslations_PricesThemOnTheCheapestSliceThatHoldsTheModel(
        bool isRehearsal, string type, string rates, double rate, double usd)
    {
        _spec = Rehearsal with { IsRehearsal = isRehearsal };
        Ways();
        _decoded = [new DecodedFact("base", "ko-en", 2, 10, 1000), new DecodedFact("tuned", "ko-en", 4, 10, 1000)];

        var (report, page) = await RehearseAsync(new TrainFact(10, 0, 1000, 50, 4, 1, 20, 0));

        var prices = report.GetProperty("cost").GetProperty("translation").Deserialize<TranslationPrice[]>(
            RunLedger.Json)!;
        Assert.Equal(["base", "tuned"], prices.Select(price => price.Model));
        Assert.Equal((type, rates, "v5litepod-8"), (
            prices[1].AcceleratorType, prices[1].Rates, prices[1].MeasuredOn));
        Assert.Equal([2 * rate, rate], prices.Select(price => Math.Round(price.CharactersPerSecond, 6)));
        Assert.Equal([usd / 2, usd], prices.Select(price => Math.Round(price.UsdPerMillionCharacters, 6)));
        Assert.Contains($"<td>tuned ko-en</td><td class=\"n\">${usd:0.00}</td>", page, StringComparison.Ordinal);
        Assert.Equal(isRehearsal, page.Contains("no figure of a TPU", StringComparison.Ordinal));
        Assert.DoesNotContain("v5litepod-1", $"{report.GetProperty("cost").GetProperty("alternatives")}",
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_OfAWorkerThatTellsNoRates_HasNoPriceOfTranslating()
    {
        Ways();
        _decoded = [new DecodedFact("tuned", "ko-en", 0, 10, 1000), new DecodedFact("base", "ko-en", 1, 0, 0)];

        var (report, page) = await RehearseAsync(new TrainFact(10, 0, 1000, 50, 4, 1, 20, 0));

        Assert.False(report.GetProperty("cost").TryGetProperty("translation", out _));
        Assert.DoesNotContain("million characters", page, StringComparison.Ordinal);
    }

    private static PlanWay Way(
        Candidate place, double train, double evaluate, double rest,
        EstimateSource source = EstimateSource.Assumed) => new(place, train, evaluate, rest, 0, 0, 0, source, false);

    private void Ways(double rest = 8) => _ledger.Append(Id, LedgerKinds.Ways, "ways", new[]
    {
        Way(Lease.Candidate, 10, 6, 8),
        Way(Lease.Candidate with { Zone = "z-cheap", UsdPerHour = 1.8 }, 10, 6, rest) with
        {
            LossSeconds = 4, LossUsd = 0.002, OtherUsd = 0.001,
        },
        Way(Lease.Candidate with { AcceleratorType = "v6e-8", UsdPerHour = 7.2 }, 4, 3, rest),
        Way(Lease.Candidate with { AcceleratorType = "v6e-1", UsdPerHour = 0.9 }, 30, 18, rest),
        Way(
            Lease.Candidate with { AcceleratorType = "v5p-8", UsdPerHour = 20 }, 5, 3, rest, EstimateSource.Measured),
        Way(Lease.Candidate with { AcceleratorType = "v5litepod-1", UsdPerHour = 0.45 }, 1, 12, 1) with
        {
            OnlyTranslates = true,
        },
    });

    private RunSpec Rehearsal => _spec ?? Spec() with
    {
        Training = new TrainingSpec { Steps = 10, BatchSize = 4, AccumulationSteps = 2 },
    };

    private MeasuredRate? Rate => _rates.Find(Rehearsal, Parameters, Type);

    private RunFigures Figures(CorpusSize? corpus = null) => new(
        PriceCatalog.Load(null), null, _rates, null, 2 * Parameters, Rehearsal, corpus);

    private RunPlan Plan()
    {
        var time = Figures().EstimateOf(Type);
        return new RunPlan([Lease.Candidate], 0.1, time.Total) { Time = time };
    }

    /// <summary>A node of 40 s: 20 s of training, 12 s of translating.</summary>
    private async Task<(JsonElement Report, string Page)> RehearseAsync(
        TrainFact train, RunStatus status = RunStatus.Succeeded, bool isDraft = false, RunPlan? plan = null)
    {
        var data = new PreparedData("t", "e", 100, 30, new Dictionary<string, int>());
        _ledger.Append(Id, LedgerKinds.Intent, $"{Lease.NodeName}", Lease);
        _ledger.Append(Id, LedgerKinds.Ready, "1", new NodeMoment(Lease.NodeName, "READY"));
        _clock.Advance(TimeSpan.FromSeconds(26));
        _ledger.Append(Id, LedgerKinds.JobEnded, "train@wf-r-1", new EndFact(new JobEnd(true, null, null), train));
        _ledger.Append(Id, LedgerKinds.Job, "translate@wf-r-1", new DispatchInput(
            JobKind.Translate, Rehearsal, data, Lease, "r:evaluate", null));
        _clock.Advance(TimeSpan.FromSeconds(12));
        _ledger.Append(
            Id, LedgerKinds.JobEnded, "translate@wf-r-1", new EndFact(new JobEnd(true, null, null), null)
            {
                Decoded = _decoded,
            });
        _clock.Advance(TimeSpan.FromSeconds(2));
        _ledger.Append(Id, LedgerKinds.Stopped, "1", new NodeMoment(Lease.NodeName, "NOT_FOUND"));

        var outcome = await new ReportActivity(_ledger, _clock, rates: _rates).RunAsync(
            null!, new ReportInput(Rehearsal, plan ?? Plan(), data, status, null) { IsDraft = isDraft });
        return (
            JsonDocument.Parse(await File.ReadAllTextAsync(outcome.ReportUri)).RootElement,
            await File.ReadAllTextAsync(Path.ChangeExtension(outcome.ReportUri, ".html")));
    }
}
