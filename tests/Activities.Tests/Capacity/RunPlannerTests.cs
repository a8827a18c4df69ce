using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Capacity;
using Workflows.Activities.Data;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Capacity;

/// <summary>A preview says what the run would do, and the run does it.</summary>
public sealed class RunPlannerTests : IDisposable
{
    private const double Gibibyte = 1L << 30;

    private const string Config = """
        {"model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"], "vocab_size": 512, "hidden_size": 32,
         "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
         "head_dim": 16, "max_position_embeddings": 256, "sliding_window": 64, "rms_norm_eps": 1e-6,
         "query_pre_attn_scalar": 16, "rope_theta": 1000000, "rope_local_base_freq": 10000,
         "hidden_activation": "gelu_pytorch_tanh"}
        """;

    private readonly TemporaryFolder _folder = new("planner-");
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero));
    private readonly PriceCatalog _catalog = PriceCatalog.Load(null);
    private readonly RunLedger _ledger;
    private readonly CapacityMemory _memory;
    private readonly InputWork _inputs;

    public RunPlannerTests()
    {
        _ledger = new RunLedger(_folder["state"], _clock);
        _memory = new CapacityMemory(_folder["state"], _clock);
        _inputs = new InputWork(_ledger, InputLimits.Default, TimeProvider.System);
        Directory.CreateDirectory(_folder["model"]);
        File.WriteAllText(Path.Combine(_folder["model"], "config.json"), Config);
        File.WriteAllBytes(Path.Combine(_folder["model"], "model.safetensors"), new byte[1_000_000]);
    }

    public void Dispose()
    {
        _inputs.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Preview_HighestPrice_ShowsDearerPlacesAsLeftOut()
    {
        var spec = Spec(["v5litepod-8"], ["us-west4-a", "us-west1-c"]);
        var prices = (await PreviewAsync(spec)).Places.Select(each => each.UsdPerHour).ToList();
        Assert.NotEqual(prices[0], prices[1]);

        var preview = await PreviewAsync(spec with { Tpu = spec.Tpu with { MaxUsdPerHour = prices.Min() } });
        var none = await PreviewAsync(spec with { Tpu = spec.Tpu with { MaxUsdPerHour = 0.01 } });

        var dear = preview.Places.Single(each => each.UsdPerHour > prices.Min());
        Assert.False(dear.IsIn);
        Assert.Contains("above tpu.maxUsdPerHour", dear.Why, StringComparison.Ordinal);
        Assert.Null(preview.Refusal);
        Assert.All(preview.Frontier, each => Assert.True(each.Usd / each.Seconds * 3600 <= prices.Min() + 1e-9));
        Assert.Equal("PRICE_ABOVE_LIMIT", none.Refusal?.Code);
    }

    /// <summary>It has no price of its own, and a work that is longer than its maximum needs several nodes.</summary>
    [Fact]
    public async Task Preview_OfFlexStart_IsPricedOnDemandAndSaysWhenNodesEnd()
    {
        var spot = Spec(["v5litepod-8"], ["us-west4-a"]);
        var brief = spot with
        {
            Tpu = spot.Tpu with
            {
                Provisioning = ProvisioningMode.FlexStart,
                Request = RequestWay.QueuedResource,
                MaxRunHours = 0.001,
            },
        };

        var preview = await PreviewAsync(brief);
        var longest = await PreviewAsync(brief with { Tpu = brief.Tpu with { MaxRunHours = 168 } });

        var place = Assert.Single(preview.Places);
        Assert.Equal(ProvisioningMode.FlexStart, place.Provisioning);
        Assert.Equal(
            _catalog.At("v5litepod-8", "us-west4-a", ProvisioningMode.OnDemand, null).UsdPerHour, place.UsdPerHour);
        Assert.Contains(preview.Notes, note =>
            note.StartsWith("Flex-start: the cloud deletes each node 0.001 hours", StringComparison.Ordinal)
            && note.Contains("another node continues it", StringComparison.Ordinal));
        Assert.Contains(longest.Notes, note => note.Contains("168 hours after its start", StringComparison.Ordinal)
            && !note.Contains("another node", StringComparison.Ordinal));
        Assert.DoesNotContain(
            (await PreviewAsync(spot)).Notes, note => note.StartsWith("Flex-start", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Preview_OfARequest_HasThePlacesAndTheEstimateOfItsRunAndWritesNothing()
    {
        var spec = Spec(["v5litepod-8", "v6e-1"], ["us-west4-a", "us-east5-b"]);

        var preview = await PreviewAsync(spec);
        var plan = await Activity().RunAsync(null!, spec with { RunId = new RunId("a-run") });

        Assert.Equal(
            plan.Candidates.Select(each => (each.Zone, each.AcceleratorType, each.UsdPerHour)),
            preview.Places.Select(each => (each.Zone, each.AcceleratorType, each.UsdPerHour)));
        Assert.Equal([1, 2, 3, 4], preview.Places.Select(each => each.Order));
        Assert.Equal(plan.EstimatedUsd, preview.EstimatedUsd, 12);
        Assert.Equal(plan.EstimatedSeconds, preview.EstimatedSeconds, 9);
        Assert.Equal(preview.EstimatedSeconds, preview.Estimate.Sum(part => part.Seconds), 9);
        Assert.Equal(preview.EstimatedUsd, preview.Estimate.Sum(part => part.Usd), 12);
        Assert.Equal(["boot", "train", "evaluate"], preview.Estimate.Select(part => part.Stage));
        Assert.True(preview.Starts);
        Assert.False(_ledger.Knows(spec.RunId));
    }

    [Fact]
    public async Task Preview_OfARememberedRefusal_SaysThatThePlaceIsPassedOverAndEstimatesTheNext()
    {
        var spec = Spec(["v5litepod-8"], ["us-west4-a", "us-east5-b"]);
        _memory.Remember(
            "p", _catalog.At("v5litepod-8", "us-west4-a", ProvisioningMode.Spot, null),
            new Refusal("ZONE_FORBIDDEN", RefusalScope.Zone, 3600, "Permission denied.", "Ask."));

        var preview = await PreviewAsync(spec);

        Assert.Equal([false, true], preview.Places.Select(each => each.IsIn));
        Assert.Contains("ZONE_FORBIDDEN", preview.Places[0].Why, StringComparison.Ordinal);
        Assert.Equal("Permission denied.", preview.Places[0].Refused?.Reason);
        Assert.Equal(preview.Places[1].Usd, preview.EstimatedUsd, 12);
        Assert.DoesNotContain(
            ("v5litepod-8", "us-west4-a", ProvisioningMode.Spot),
            preview.Frontier.Select(each => (each.AcceleratorType, each.Zone, each.Provisioning)));
        Assert.True(preview.Starts);
    }

    [Fact]
    public async Task Preview_OfTypesThatAreTooSmall_LeavesThemOutAsTheRunDoes()
    {
        var programs = new FakePrograms(20 * Gibibyte);
        var spec = Spec(["v5litepod-1", "v6e-1"], ["us-east5-b"]);

        var preview = await PreviewAsync(spec, programs);
        var plan = await Activity(programs).RunAsync(null!, spec);

        Assert.Equal([false, true], preview.Places.Select(each => each.IsIn));
        Assert.Equal((20.0, 15.75), (preview.Places[0].LeastGib, preview.Places[0].HbmGib));
        Assert.Contains("programs need 20.0 at the least", preview.Places[0].Why, StringComparison.Ordinal);
        Assert.Equal(["v6e-1"], plan.Candidates.Select(each => each.AcceleratorType));
        Assert.Equal(plan.EstimatedUsd, preview.EstimatedUsd, 12);
        Assert.All(preview.Frontier, each => Assert.True(_catalog.HbmGibPerChip(each.AcceleratorType) >= 20));
        Assert.Equal(512, programs.Model?.VocabularySize);
    }

    [Fact]
    public async Task Preview_OfAModelThatFitsNowhere_RefusesAsTheRunDoesBeforeAnythingIsRented()
    {
        var programs = new FakePrograms(1000 * Gibibyte);
        var spec = Spec(["v5litepod-8", "v6e-1"], []);

        var preview = await PreviewAsync(spec, programs);
        var fault = await Assert.ThrowsAsync<RunFaultException>(() => Activity(programs).RunAsync(null!, spec));

        Assert.Equal("MODEL_TOO_LARGE", fault.Failure.Code);
        Assert.Equal(fault.Failure, preview.Refusal);
        Assert.Contains("v5litepod-8 needs 1000.0 GiB", fault.Failure.Message, StringComparison.Ordinal);
        Assert.Empty(preview.Frontier);
        Assert.Null(preview.Cheapest);
    }

    /// <summary>A rehearsal computes on this machine, whatever the request names.</summary>
    [Fact]
    public async Task Preview_OfARehearsal_ComparesNoMemory()
    {
        var programs = new FakePrograms(1000 * Gibibyte);
        var spec = Spec(["v5litepod-1"], ["us-east5-b"]) with { IsRehearsal = true };

        var preview = await PreviewAsync(spec, programs);

        Assert.True(preview.Starts);
        Assert.NotEmpty((await Activity(programs).RunAsync(null!, spec)).Candidates);
        Assert.Null(programs.Model);
        Assert.Contains("rehearsal computes on this machine", preview.Notes[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("""{"model_type": "llama"}""")]
    public async Task Preview_OfAConfigurationThatCannotBeRead_LeavesThatToTheChecksOfTheRun(string config)
    {
        File.WriteAllText(Path.Combine(_folder["model"], "config.json"), config);
        var programs = new FakePrograms(1000 * Gibibyte);

        var preview = await PreviewAsync(Spec(["v6e-1"], ["us-east5-b"]), programs);

        Assert.True(preview.Places[0].IsIn);
        Assert.Null(preview.Places[0].LeastGib);
        Assert.Null(programs.Model);
    }

    [Theory]
    [InlineData(0.2, false, "BUDGET_BELOW_ESTIMATE")]
    [InlineData(0.2, true, null)]
    [InlineData(0.17, true, "BUDGET_BELOW_ESTIMATE")]
    public async Task Preview_OfABudgetBelowTheEstimate_IsRefusedUnlessToldAndANodeCanBeGivenBack(
        double budget, bool isAllowed, string? code)
    {
        var spec = Spec(["v5litepod-8"], ["us-west4-a"]) with { BudgetUsd = budget, AllowOverBudget = isAllowed };

        var preview = await PreviewAsync(spec);

        Assert.Equal(code, preview.Refusal?.Code);
        Assert.Equal(code is null, preview.Starts);
        Assert.All(preview.Places, place => Assert.True(place.Usd > budget));
    }

    [Fact]
    public async Task Preview_OfChoices_NamesOnlyThoseThatAreNotBothSlowerAndDearerThanAnother()
    {
        var spec = Spec(["v5litepod-8"], ["us-west4-a"]) with
        {
            BudgetUsd = 0.5,
            Training = new TrainingSpec { Steps = 200_000 },
        };
        File.WriteAllBytes(Path.Combine(_folder["model"], "model.safetensors"), new byte[100_000_000]);

        var preview = await PreviewAsync(spec with { AllowOverBudget = true }, withinHours: 0.5);

        var frontier = preview.Frontier;
        Assert.True(frontier.Count > 1);
        Assert.Equal(frontier.OrderBy(each => each.Seconds), frontier);
        Assert.Equal(frontier.OrderByDescending(each => each.Usd), frontier);
        Assert.Equal((frontier[0], frontier[^1]), (preview.Shortest, preview.Cheapest));
        Assert.All(frontier.Where(each => each.Usd <= 0.5), each =>
            Assert.True(preview.BestWithinBudget!.Seconds <= each.Seconds));
        Assert.All(frontier.Where(each => each.Seconds <= 1800), each =>
            Assert.True(preview.BestWithinHours!.Usd <= each.Usd));
        Assert.All(frontier, each => Assert.DoesNotContain(
            PlaceList.Of(_catalog, spec with { Tpu = spec.Tpu with { AcceleratorTypes = ["v6e-8", "v5litepod-1"] } })
                .Select(place => place.Zone + place.AcceleratorType),
            place => place == each.Zone + each.AcceleratorType && each.IsAsked));
    }

    [Theory]
    [InlineData(100, 20.0, false)]
    [InlineData(101, 20.2, true)]
    public async Task Preview_OfACorpusOfThisMachine_CountsThePassesOverItAsTheRunDoes(
        int steps, double epochs, bool isWarned)
    {
        var spec = Spec(["v6e-1"], ["us-east5-b"]) with
        {
            Model = Checkout.PathOf("samples", "tiny-gemma3"),
            Data = new DataSpec { Train = Corpus(50), TestFraction = 0.2 },
            Training = new TrainingSpec { Steps = steps, BatchSize = 4, AccumulationSteps = 2 },
        };

        var preview = await PreviewAsync(spec, inputs: _inputs);
        var data = await new PrepareDataActivity(_ledger, _inputs).RunAsync(null!, spec with { IsRehearsal = true });

        Assert.Equal((40, epochs), (preview.TrainPairs, preview.Epochs));
        Assert.Equal((data.TrainPairs, data.Passes), (preview.TrainPairs, preview.Epochs));
        Assert.Equal(isWarned, preview.Notes.Any(note =>
            note.StartsWith("20.2 passes over the training pairs: above 20", StringComparison.Ordinal)));
        Assert.DoesNotContain(preview.Notes, note => note.StartsWith("20 passes", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("missing.tsv", "CORPUS_FILE_NOT_FOUND")]
    [InlineData("model/model.safetensors", "CORPUS_UNKNOWN_FORMAT")]
    [InlineData("gs://bucket/pairs.tsv", "the corpus is elsewhere")]
    [InlineData("rows.tsv", "CORPUS_TOO_SMALL: 0 training and 0 test pairs")]
    [InlineData("zero.tsv", "CORPUS_TOO_SMALL: 0 training")]
    public async Task Preview_OfACorpusThatCannotBeCounted_SaysSoAndHasItsPlaces(string file, string note)
    {
        File.WriteAllText(_folder["rows.tsv"], "ko\ten\n\t\n");
        File.WriteAllBytes(_folder["zero.tsv"], new byte[3_000_000]);
        var spec = Spec(["v6e-1"], ["us-east5-b"]) with
        {
            Data = new DataSpec
            {
                Train = file.Contains("://", StringComparison.Ordinal) ? file : _folder[file],
            },
        };

        var preview = await PreviewAsync(spec, inputs: _inputs);

        Assert.Null(preview.Epochs);
        Assert.Single(preview.Places);
        Assert.Contains(preview.Notes, each => each.Contains(note, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false, "The rate is a guess")]
    [InlineData(true, "The rates are those that rehearsal earlier measured on this machine")]
    public async Task Preview_OfARehearsal_EstimatesAsItsRunDoesAndSaysByWhatRate(bool isMeasured, string basis)
    {
        var rates = new MeasuredRates(_folder["state"]);
        if (isMeasured)
        {
            rates.Remember(new MeasuredRate(
                new RunId("earlier"), _clock.GetUtcNow(), 500_000, "full", Environment.ProcessorCount, 0.02, 0.004, 5));
        }

        var spec = Spec(["v6e-1"], ["us-east5-b"]) with
        {
            IsRehearsal = true,
            Data = new DataSpec { Train = Corpus(50), TestFraction = 0.2 },
        };

        var preview = await new RunPlanner(_catalog, _memory, _ledger, new RunArtifacts(_ledger), null, _inputs, rates)
            .PreviewAsync(spec, null, TestContext.Current.CancellationToken);
        var plan = await new PlanActivity(_catalog, _ledger, _inputs, rates: rates).RunAsync(null!, spec);

        Assert.Equal(plan.EstimatedSeconds, preview.EstimatedSeconds, 9);
        Assert.Contains(basis, preview.Notes[0], StringComparison.Ordinal);
        Assert.StartsWith(basis, plan.Time!.Basis, StringComparison.Ordinal);
        Assert.Equal(10, plan.Time.TestPairs);
    }

    [Fact]
    public async Task Preview_OfACorpusThatTakesTooLong_GivesUpInItsTime()
    {
        using var hanging = new HangingInputs(_ledger, _clock);
        var preview = PreviewAsync(
            Spec(["v6e-1"], ["us-east5-b"]) with { Data = new DataSpec { Train = Corpus(50) } }, inputs: hanging);
        while (!preview.IsCompleted)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }

        Assert.Null((await preview).Epochs);
        Assert.Contains((await preview).Notes, note => note.StartsWith(
            "Passes over the training pairs were not counted: The files of the request were not read within 0.5 min",
            StringComparison.Ordinal));
    }

    [Fact]
    public async Task Preview_ThatIsCancelled_Ends()
    {
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => new RunPlanner(_catalog, _memory, _ledger, new RunArtifacts(_ledger), null, _inputs).PreviewAsync(
                Spec(["v6e-1"], ["us-east5-b"]) with { Data = new DataSpec { Train = Corpus(50) } }, null, stop.Token));
    }

    [Fact]
    public void Frontier_OfEqualChoices_KeepsTheOneThatTheRequestNames()
    {
        PlanChoice[] choices =
        [
            new("v6e-1", "a", ProvisioningMode.Spot, 10, 2, false),
            new("v6e-1", "b", ProvisioningMode.Spot, 10, 2, true),
            new("v6e-8", "a", ProvisioningMode.Spot, 5, 3, false),
            new("v4-8", "a", ProvisioningMode.Spot, 6, 3, false),
            new("v3-8", "a", ProvisioningMode.Spot, 20, 2, false),
            new("v2-8", "a", ProvisioningMode.Spot, 30, 1, false),
        ];

        Assert.Equal(
            ["v6e-8 a", "v6e-1 b", "v2-8 a"],
            PlanChoice.FrontierOf(choices).Select(each => $"{each.AcceleratorType} {each.Zone}"));
    }

    private string Corpus(int pairs)
    {
        File.WriteAllLines(_folder["pairs.tsv"], Enumerable.Range(1, pairs)
            .Select(each => $"나는 {each}번 버스를 탑니다.\tI take bus number {each}.").Prepend("ko\ten"));
        return _folder["pairs.tsv"];
    }

    /// <summary>us-west4-a costs more than 1.2 times us-central1-a, and us-east1-c as much.</summary>
    [Theory]
    [InlineData("us-west4-a", SpotFallback.OnDemand, true)]
    [InlineData("us-east1-c", SpotFallback.OnDemand, false)]
    [InlineData("us-west4-a", SpotFallback.None, false)]
    public async Task Preview_OfADeadlineWithDearPlaces_TellsThatTheyAreAskedLater(
        string zone, SpotFallback fallback, bool isTold)
    {
        var spec = Spec(["v5litepod-8"], ["us-central1-a", zone]);

        var preview = await PreviewAsync(spec with
        {
            Tpu = spec.Tpu with { Fallback = fallback },
            Deadline = TimeProvider.System.GetUtcNow().AddDays(3),
        });

        Assert.Equal(
            isTold, preview.Notes.Any(note => note.StartsWith("Spot places above 1.2", StringComparison.Ordinal)));
    }

    private Task<PlanPreview> PreviewAsync(
        RunSpec spec, IRunPrograms? programs = null, double? withinHours = null, InputWork? inputs = null) =>
        new RunPlanner(_catalog, _memory, _ledger, new RunArtifacts(_ledger), programs, inputs)
            .PreviewAsync(spec, withinHours, TestContext.Current.CancellationToken);

    private PlanActivity Activity(IRunPrograms? programs = null) => new(
        _catalog, _ledger, new InputWork(_ledger, InputLimits.Default, _clock), programs: programs);

    private RunSpec Spec(string[] types, string[] zones) => new()
    {
        RunId = new RunId("plan"),
        Name = "run",
        Project = "p",
        Direction = RunDirection.KoToEn,
        Model = _folder["model"],
        Data = new DataSpec { Train = "x.tsv" },
        Tpu = new TpuSpec { AcceleratorTypes = types, Zones = zones },
    };

    /// <summary>Files that never answer.</summary>
    private sealed class HangingInputs(RunLedger ledger, TimeProvider clock)
        : InputWork(ledger, new InputLimits(1, TimeSpan.FromSeconds(30)), clock)
    {
        protected override Task<T> StartAsync<T>(
            RunId runId, Func<CancellationToken, T> read, CancellationToken cancellation) =>
            new TaskCompletionSource<T>().Task.WaitAsync(cancellation);
    }
}
