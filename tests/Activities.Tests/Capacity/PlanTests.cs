using Workflows.Activities.Capacity;
using Workflows.Activities.Data;
using Workflows.Activities.Events;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Capacity;

public sealed class PlanTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly PlanActivity _activity;

    public PlanTests()
    {
        var ledger = new RunLedger(_folder.Path, TimeProvider.System);
        _activity = new PlanActivity(
            PriceCatalog.Load(null), ledger, new InputWork(ledger, InputLimits.Default, TimeProvider.System));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Plan_WithoutZones_OffersEveryZoneCheapestFirst()
    {
        var plan = Plan(Spec(["v5litepod-8"], []), 1e6);

        Assert.True(plan.Candidates.Count > 10);
        Assert.Equal(plan.Candidates.OrderBy(each => each.UsdPerHour).Select(each => each.UsdPerHour),
            plan.Candidates.Select(each => each.UsdPerHour));
        Assert.All(
            plan.Candidates,
            each => Assert.Equal((8, "v2-alpha-tpuv5-lite"), (each.Chips, each.RuntimeVersion)));
    }

    [Fact]
    public void Plan_WithZones_KeepsTheirOrderAndPricesTheWholeSlice()
    {
        var plan = Plan(Spec(["v5litepod-8"], ["us-west4-a", "us-central1-a"]), 1e6);

        Assert.Equal(["us-west4-a", "us-central1-a"], plan.Candidates.Select(each => each.Zone));
        Assert.Equal(8 * 0.52536, plan.Candidates[0].UsdPerHour, 6);
    }

    [Fact]
    public void Plan_HighestPrice_LeavesOutDearerPlacesAndRefusesWithTheCheapest()
    {
        var spec = Spec(["v5litepod-8"], []);
        var prices = Plan(spec, 1e6).Candidates.Select(each => each.UsdPerHour).ToList();
        RunSpec With(double most) => spec with { Tpu = spec.Tpu with { MaxUsdPerHour = most } };

        var plan = Plan(With(prices[2]), 1e6);
        var fault = Assert.Throws<RunFaultException>(() => Plan(With(prices[0] - 0.01), 1e6));

        Assert.Equal(
            prices.Where(price => price <= prices[2]), plan.Candidates.Select(each => each.UsdPerHour));
        Assert.Equal("PRICE_ABOVE_LIMIT", fault.Failure.Code);
        Assert.Contains($"{prices[0]:0.00##} USD an hour", fault.Failure.Message, StringComparison.Ordinal);
        Assert.Contains("tpu.maxUsdPerHour", fault.Failure.Fix, StringComparison.Ordinal);
    }

    /// <summary>A type that is too slow for the deadline is left out; a run that is too long is refused.</summary>
    [Fact]
    public void Plan_WithADeadline_LeavesOutTooSlowTypesAndRefusesWithTheTimes()
    {
        var spec = Spec(["v5litepod-1", "v5litepod-8"], ["us-west4-a"]);
        var (slow, fast) = (
            Plan(Spec(["v5litepod-1"], ["us-west4-a"]), 4e10).EstimatedSeconds,
            Plan(Spec(["v5litepod-8"], ["us-west4-a"]), 4e10).EstimatedSeconds);
        RunSpec In(double seconds) => spec with
        {
            Deadline = TimeProvider.System.GetUtcNow().AddSeconds(seconds),
            Tpu = spec.Tpu with { Provisioning = ProvisioningMode.Spot, Fallback = SpotFallback.OnDemand },
        };

        var plan = Plan(In((slow + fast) / 2), 4e10);
        var fault = Assert.Throws<RunFaultException>(() => Plan(In(fast - 60), 4e10));

        Assert.True(slow > fast + 120);
        Assert.Equal(
            ["v5litepod-8 spot", "v5litepod-8 on-demand"], plan.Candidates.Concat(plan.OnDemand!)
                .Select(each => $"{each.AcceleratorType} {WireName.Of(each.Provisioning)}"));
        Assert.Equal("DEADLINE_INFEASIBLE", fault.Failure.Code);
        Assert.Contains("on the fastest type of the request", fault.Failure.Message, StringComparison.Ordinal);
    }

    /// <summary>Places on demand above the price are no way out, and without a fallback there are none.</summary>
    [Fact]
    public void Plan_WithAFallback_HasTheOnDemandPlacesWithinThePrice()
    {
        var spec = Spec(["v5litepod-8"], ["us-west4-a"]);
        RunSpec With(SpotFallback fallback, double? most = null) => spec with
        {
            Tpu = spec.Tpu with { Provisioning = ProvisioningMode.Spot, Fallback = fallback, MaxUsdPerHour = most },
        };

        var plan = Plan(With(SpotFallback.OnDemand), 1e6);

        var onDemand = Assert.Single(plan.OnDemand!);
        Assert.True(onDemand.UsdPerHour > plan.Candidates[0].UsdPerHour);
        Assert.Null(Plan(With(SpotFallback.None), 1e6).OnDemand);
        Assert.Null(Plan(With(SpotFallback.OnDemand, plan.Candidates[0].UsdPerHour), 1e6).OnDemand);
    }

    [Fact]
    public void Plan_ZoneOutsideTheCatalog_IsCountedAtTheDearestPrice()
    {
        var plan = Plan(Spec(["v5litepod-8"], ["mars-north1-a"]), 1e6);

        Assert.Equal(PriceCatalog.Load(null).Offers("v5litepod-8", ProvisioningMode.OnDemand, null)[^1].UsdPerHour,
            PriceCatalog.Load(null).At("v5litepod-8", "mars-north1-a", ProvisioningMode.OnDemand, null).UsdPerHour);
        Assert.Single(plan.Candidates);
    }

    [Fact]
    public void Plan_UnknownAccelerator_NamesTheFieldAndTheChoices()
    {
        var fault = Assert.Throws<RunFaultException>(() => Plan(Spec(["v9-1"], []), 1e6));

        Assert.Equal("UNKNOWN_ACCELERATOR", fault.Failure.Code);
        Assert.Contains("tpu.acceleratorTypes", fault.Failure.Message, StringComparison.Ordinal);
        Assert.Contains("v6e-8", fault.Failure.Fix, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("v5litepod-8", true)]
    [InlineData("v6e-8", true)]
    [InlineData("v4-8", true)]
    [InlineData("v5litepod-16", false)]
    [InlineData("v4-16", false)]
    [InlineData("v2-32", false)]
    public void Plan_TypeOfSeveralHosts_IsRefusedBeforeAnythingIsRented(string type, bool isOne)
    {
        if (isOne)
        {
            Assert.NotEmpty(Plan(Spec([type], []), 1e6).Candidates);
            return;
        }

        var fault = Assert.Throws<RunFaultException>(() => Plan(Spec(["v6e-8", type], []), 1e6));
        Assert.Equal("SEVERAL_HOSTS_UNSUPPORTED", fault.Failure.Code);
        Assert.Contains(type, fault.Failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Plan_SpotZoneOutsideTheCatalog_IsCountedAtTheDearestSpotPrice()
    {
        var catalog = PriceCatalog.Load(null);

        Assert.Equal(
            catalog.Offers("v5litepod-8", ProvisioningMode.Spot, null)[^1].UsdPerHour,
            catalog.At("v5litepod-8", "mars-north1-a", ProvisioningMode.Spot, null).UsdPerHour);
    }

    [Fact]
    public void Plan_AccumulationSteps_CountAsTheBatchesThatTheyAre()
    {
        var spec = Spec(["v5litepod-8"], ["us-west4-a"]);
        var once = Plan(spec, 1e9).EstimatedSeconds;
        var fourTimes = Plan(
            spec with { Training = spec.Training with { AccumulationSteps = 4 } }, 1e9).EstimatedSeconds;
        var quadrupled = Plan(
            spec with { Training = spec.Training with { BatchSize = 4 * spec.Training.BatchSize } }, 1e9)
            .EstimatedSeconds;

        Assert.True(fourTimes > once);
        Assert.Equal(quadrupled, fourTimes, 6);
    }

    [Theory]
    [InlineData(0.0001, false, true)]
    [InlineData(0.2, true, false)]
    [InlineData(0.17, true, true)]
    [InlineData(1000, false, false)]
    public async Task Plan_BudgetBelowTheEstimate_EndsTheRunUnlessTold(double budget, bool isAllowed, bool isRefused)
    {
        var model = Path.Combine(_folder.Path, "model");
        Directory.CreateDirectory(model);
        await File.WriteAllBytesAsync(
            Path.Combine(model, "model.safetensors"), new byte[1000], TestContext.Current.CancellationToken);
        var spec = Spec(["v5litepod-8"], ["us-west4-a"]) with
        {
            Model = model,
            BudgetUsd = budget,
            AllowOverBudget = isAllowed,
        };

        var fault = await Record.ExceptionAsync(() => _activity.RunAsync(null!, spec));

        Assert.Equal(isRefused ? "BUDGET_BELOW_ESTIMATE" : null, (fault as RunFaultException)?.Failure.Code);
        Assert.Equal(isRefused, fault is not null);
    }

    /// <summary>Ten polls of a node of 4.20 USD an hour cost 0.1751 USD.</summary>
    [Fact]
    public void BelowReserve_OfABudgetThatCouldOnlyGiveANodeBack_NamesTheFieldAndWhatIsEnough()
    {
        var spec = Spec(["v5litepod-8"], ["us-west4-a"]) with { BudgetUsd = 1 };

        var fault = PlanActivity.BelowReserve(spec, 4.20288, 0.9)!;

        Assert.Equal("BUDGET_BELOW_ESTIMATE", fault.Failure.Code);
        Assert.StartsWith("budgetUsd is 1.00 USD, of which 0.90 are spent", fault.Failure.Message);
        Assert.StartsWith("Raise budgetUsd above 1.0751,", fault.Failure.Fix);
        Assert.Null(PlanActivity.BelowReserve(spec, 4.20288, 0.82));
        Assert.Null(PlanActivity.BelowReserve(spec, 0, 0.99));
    }

    /// <summary>The report compares the run with the other ways to do its work.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Plan_OfARun_NotesItsOtherWays(bool isRehearsal)
    {
        var model = Path.Combine(_folder.Path, "model");
        Directory.CreateDirectory(model);
        await File.WriteAllBytesAsync(
            Path.Combine(model, "model.safetensors"), new byte[1000], TestContext.Current.CancellationToken);
        var spec = Spec(["v5litepod-8"], ["us-west4-a", "us-central1-a"]) with
        {
            Model = model,
            IsRehearsal = isRehearsal,
        };

        await _activity.RunAsync(null!, spec);

        var ways = new RunLedger(_folder.Path, TimeProvider.System)
            .Read<IReadOnlyList<PlanWay>>(spec.RunId, LedgerKinds.Ways).Single().Data;
        Assert.Equal(
            ["us-west4-a", "us-central1-a"], ways.Where(way => way.IsAsked).Select(way => way.Place.Zone));
        Assert.Contains(
            ways, way => way is { IsAsked: false, Place: { AcceleratorType: "v5litepod-8", UsdPerHour: < 4 } });
        Assert.Equal(!isRehearsal, ways.Any(way => way.Place.AcceleratorType == "v6e-1"));
        Assert.All(ways, way => Assert.True(way is { Train: > 0, Evaluate: > 0, Rest: > 0, LossUsd: >= 0 }));
        Assert.Distinct(
            ways.Select(way => (way.Place.Zone, way.Place.AcceleratorType, way.Place.Provisioning)));
    }

    /// <summary>The wait for an approval may take days: what is planned after it counts, for the run and for its
    /// report.</summary>
    [Fact]
    public async Task Plan_OfAnApprovedRun_NotesPlanAndWaysAnew()
    {
        var ledger = new RunLedger(_folder.Path, TimeProvider.System);
        using var inputs = new InputWork(ledger, InputLimits.Default, TimeProvider.System);
        var spec = Spec(["v5litepod-8"], ["us-west4-a"]) with { Model = Checkout.PathOf("samples", "tiny-gemma3") };
        await new PlanActivity(PriceCatalog.Load(null), ledger, inputs).RunAsync(null!, spec);
        RunEventFacts.Decide(ledger, spec.RunId, new ApprovalDecision(ApprovalOutcome.Approved, "kim", null));
        var catalog = Path.Combine(_folder.Path, "dearer.json");
        await File.WriteAllTextAsync(
            catalog,
            """
            {"generations": [{"name": "v5e", "runtimeVersion": "v2-alpha-tpuv5-lite", "tflopsPerChip": 197,
            "types": {"v5litepod-8": 8}, "zones": {"us-west4-a": [9, 7]}}]}
            """,
            TestContext.Current.CancellationToken);

        await new PlanActivity(PriceCatalog.Load(catalog), ledger, inputs).RunAsync(null!, spec);

        Assert.Equal(56, ledger.Read<RunPlan>(spec.RunId, LedgerKinds.Plan)[^1].Data.Candidates[0].UsdPerHour);
        var ways = ledger.Read<IReadOnlyList<PlanWay>>(spec.RunId, LedgerKinds.Ways)[^1].Data;
        Assert.Equal(56, ways.Single(way => way.IsAsked).Place.UsdPerHour);
    }

    /// <summary>A chip without memory for the training may hold the model that it made.</summary>
    [Fact]
    public async Task Plan_OfARunThatNeedsMuchMemory_NotesTheTypesThatOnlyTranslate()
    {
        var ledger = new RunLedger(_folder.Path, TimeProvider.System);
        using var inputs = new InputWork(ledger, InputLimits.Default, TimeProvider.System);
        var programs = new FakePrograms(20.0 * 1024 * 1024 * 1024);
        var spec = Spec(["v6e-8"], ["us-east5-a"]) with { Model = Checkout.PathOf("samples", "tiny-gemma3") };

        await new PlanActivity(PriceCatalog.Load(null), ledger, inputs, programs: programs).RunAsync(null!, spec);

        var ways = ledger.Read<IReadOnlyList<PlanWay>>(spec.RunId, LedgerKinds.Ways).Single().Data;
        Assert.All(
            ways.Where(way => way.Place.AcceleratorType is "v5litepod-1" or "v6e-1"),
            way => Assert.Equal(way.Place.AcceleratorType == "v5litepod-1", way.OnlyTranslates));
        Assert.Contains(ways, way => way is { OnlyTranslates: true, IsAsked: false, Evaluate: > 0 });
        Assert.Contains(ways, way => way.Place.AcceleratorType == "v6e-1");
    }

    [Fact]
    public void RunFault_ThroughFailureDetails_ComesBackWhole()
    {
        var fault = new RunFaultException("A_CODE", "what: happened\nhere", "do this");

        var read = RunFaultException.Read(Microsoft.DurableTask.TaskFailureDetails.FromException(fault));

        Assert.Equal(fault.Failure, read);
    }

    private RunPlan Plan(RunSpec spec, double parameters) => _activity.Plan(
        spec, new RunFigures(PriceCatalog.Load(null), null, null, null, 2 * parameters, spec, null));

    private static RunSpec Spec(string[] types, string[] zones) => new()
    {
        RunId = new RunId("run"),
        Name = "run",
        Project = "p",
        Direction = RunDirection.KoToEn,
        Model = ".",
        Data = new DataSpec { Train = "x.tsv" },
        Tpu = new TpuSpec { AcceleratorTypes = types, Zones = zones },
    };
}
