using Workflows.Activities.Capacity;
using Workflows.Activities.Data;
using Workflows.ModelFiles;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Capacity;

/// <summary>Time and memory of a run by the work of its programs, each figure with its source.</summary>
public sealed class RunEstimateTests : IDisposable
{
    private const double Gibibyte = 1L << 30;
    private const string Type = "v5litepod-8";

    private static readonly ProgramCounts Counts = new(1e9, new WorkCount(8e12, 1e9), new WorkCount(1e9, 4e11));

    private readonly TemporaryFolder _folder = new("estimate-");
    private readonly PriceCatalog _catalog = PriceCatalog.Load(null);
    private readonly MeasuredRates _rates;

    public RunEstimateTests() => _rates = new MeasuredRates(_folder.Path);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Estimate_OfCountedPrograms_IsTheRooflineOverThePublishedShare()
    {
        var estimate = Figures(Spec(), new FakePrograms(1) { Counts = (_, _) => Counts }).EstimateOf(Type);

        // A step is bound by 8 x 197 TFLOP/s, a batch by 8 x 819 GB/s; two models, 100 sentences, 16 in a batch.
        Assert.Equal(10 * 8e12 / (8 * 197e12) / 0.294, estimate.Train, 9);
        Assert.Equal(2 * 100 / 16.0 * 4e11 / (8 * 819e9) / 0.294, estimate.Evaluate, 9);
        Assert.Equal((180, EstimateSource.Ir), (estimate.Rest, estimate.Source));
        Assert.Equal(estimate.Rest + estimate.Train + estimate.Evaluate, estimate.Total, 9);
        Assert.Equal((8.0, 1e9), (estimate.StepTflop, estimate.Parameters));
        Assert.Contains("counted from the run's own programs", estimate.Basis, StringComparison.Ordinal);
        Assert.Contains(estimate.Assumptions!, each => each.Contains("MaxText", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Estimate_OfCompiledPrograms_TakesTheCompilersBytesAndMemory()
    {
        var programs = new FakePrograms(1)
        {
            Counts = (_, _) => Counts,
            Compiled = type => type == "v6e-1"
                ? new CompiledFigures { Compiler = "tpu 1", Refusal = "training_step: Ran out of memory on HBM." }
                : new CompiledFigures
                {
                    Compiler = "tpu 1",
                    BytesPerChip = (long)(3 * Gibibyte),
                    StepBytesPerChip = 819e9,
                },
        };
        var figures = Figures(Spec(), programs);
        await figures.CompileAsync(Places(Type, "v6e-1", Type), TestContext.Current.CancellationToken);

        var (estimate, memory) = (figures.EstimateOf(Type), figures.MemoryOf(Type));

        Assert.Equal([Type, "v6e-1"], programs.CompiledTypes);
        Assert.Equal(10 / 0.294, estimate.Train, 6);
        Assert.Equal(EstimateSource.Compiled, estimate.Source);
        Assert.Contains("as tpu 1 compiled them", estimate.Basis, StringComparison.Ordinal);
        Assert.Equal((3.0, EstimateSource.Compiled, true), (memory.LeastGib, memory.Source, memory.Fits));
        Assert.False(figures.MemoryOf("v6e-1").Fits);
        Assert.Contains("Ran out of memory", figures.MemoryOf("v6e-1").Lack, StringComparison.Ordinal);
        Assert.Equal("tpu 1", figures.Compiler);

        // The types that were not compiled for are counted, and say so.
        Assert.Equal(
            (EstimateSource.Ir, EstimateSource.Ir),
            (figures.EstimateOf("v5litepod-4").Source, figures.MemoryOf("v5litepod-4").Source));
    }

    [Fact]
    public async Task Estimate_WithoutACompiler_SaysWhyAndIsThatOfThePrograms()
    {
        var programs = new FakePrograms(2 * Gibibyte) { Counts = (_, _) => Counts };
        var figures = Figures(Spec(), programs);
        var before = figures.EstimateOf(Type);
        await figures.CompileAsync(Places(Type, "v6e-1"), TestContext.Current.CancellationToken);

        Assert.Equal((before.Train, before.Evaluate, before.Source), (
            figures.EstimateOf(Type).Train, figures.EstimateOf(Type).Evaluate, figures.EstimateOf(Type).Source));
        Assert.Equal(["Not compiled for v5litepod-8, v6e-1: there is no compiler."], figures.Faults);
        Assert.Equal(
            [(Type, 2.0, EstimateSource.Ir, "there is no compiler")],
            figures.MemoryOf(Places(Type))!.Select(each => (
                each.AcceleratorType, each.NeededGib!.Value, each.Source, each.Why!)));
    }

    [Fact]
    public async Task Compile_OfProgramsWhoseArgumentsDoNotFit_AsksNoCompiler()
    {
        var programs = new FakePrograms(20 * Gibibyte);
        var figures = Figures(Spec(), programs);

        await figures.CompileAsync(Places(Type, "v6e-1"), TestContext.Current.CancellationToken);

        Assert.Equal(["v6e-1"], programs.CompiledTypes);
        Assert.False(figures.MemoryOf(Type).Fits);
    }

    [Fact]
    public async Task Compile_OfARehearsal_AsksNoCompiler()
    {
        var programs = new FakePrograms(1);

        await Figures(Spec() with { IsRehearsal = true }, programs)
            .CompileAsync(Places(Type), TestContext.Current.CancellationToken);

        Assert.Empty(programs.CompiledTypes);
    }

    [Fact]
    public void Estimate_OfNothingReadable_CountsTheLongestRowsAndNamesEachAssumption()
    {
        var estimate = new RunFigures(_catalog, null, null, null, 2e9, Spec(), null).EstimateOf(Type);

        // 6 operations, 10 steps of 4 x 2 rows of 128 positions.
        Assert.Equal(6e9 * 10 * 8 * 128 / (8 * 197e12) / 0.294, estimate.Train, 9);
        Assert.Equal((EstimateSource.Assumed, 100), (estimate.Source, estimate.TestPairs));
        string[] named =
            ["MaxText", "180 s", "training.maxLength", "evaluation.maxNewTokens", "maxTestPairs", "Kaplan"];
        Assert.All(named, name => Assert.Contains(
            estimate.Assumptions!, each => each.Contains(name, StringComparison.Ordinal)));
    }

    [Fact]
    public void Estimate_OfAFirstRehearsal_CallsItsRateAGuess()
    {
        var estimate = Figures(
            Spec() with { IsRehearsal = true }, new FakePrograms(1) { Counts = (_, _) => Counts }).EstimateOf(Type);

        Assert.Equal((0.1, 0.1, EstimateSource.Assumed), (
            estimate.TrainTflops, estimate.EvaluateTflops, estimate.Source!.Value));
        Assert.StartsWith(
            "The rate is a guess, 0.1 TFLOP/s, until a rehearsal", estimate.Basis, StringComparison.Ordinal);
        Assert.Contains(estimate.Assumptions!, each => each.Contains("a guess", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true, "rehearsal earlier measured on this machine")]
    [InlineData(false, "run earlier measured on v5litepod-8")]
    public void Estimate_AfterAnEarlierRun_IsByItsRatesWhateverIsCompiled(bool isRehearsal, string basis)
    {
        _rates.Remember(new MeasuredRate(
            new RunId("earlier"), DateTimeOffset.UnixEpoch, 1e9, "full", Environment.ProcessorCount, 0.5, 0.25, 5.5)
        {
            AcceleratorType = isRehearsal ? null : Type,
        });

        var estimate = Figures(
            Spec() with { IsRehearsal = isRehearsal }, new FakePrograms(1) { Counts = (_, _) => Counts })
            .EstimateOf(Type);

        Assert.Equal(10 * 8 / 0.5, estimate.Train, 9);
        Assert.Equal(2 * 100 / 16.0 * 0.001 / 0.25, estimate.Evaluate, 9);
        Assert.Equal((5.5, EstimateSource.Measured), (estimate.Rest, estimate.Source!.Value));
        Assert.Contains(basis, estimate.Basis, StringComparison.Ordinal);
        Assert.DoesNotContain(estimate.Assumptions!, each => each.Contains("MaxText", StringComparison.Ordinal));
    }

    [Fact]
    public void Estimate_OfAChipWhoseBandwidthIsNotKnown_CountsItsPeakAndSaysSo()
    {
        File.WriteAllText(_folder["catalog.json"], """
            {"note": "", "generations": [{"name": "v5e", "runtimeVersion": "v", "tflopsPerChip": 100,
             "types": {"v5litepod-8": 8}, "zones": {"z-1-a": [1, 1]}}]}
            """);
        var programs = new FakePrograms(1) { Counts = (_, _) => Counts };

        var estimate = new RunFigures(
            PriceCatalog.Load(_folder["catalog.json"]), programs, null, Model, 2e9, Spec(), null).EstimateOf(Type);

        Assert.Equal(2 * 100 / 16.0 * 1e9 / 800e12 / 0.294, estimate.Evaluate, 12);
        Assert.Contains(estimate.Assumptions!, each => each.Contains("bandwidth of the", StringComparison.Ordinal));
    }

    [Fact]
    public void Estimate_OfBothDirections_TranslatesTheTestSetTwice()
    {
        var programs = new FakePrograms(1) { Counts = (_, _) => Counts };

        Assert.Equal(
            2 * Figures(Spec(), programs).EstimateOf(Type).Evaluate,
            Figures(Spec() with { Direction = RunDirection.Both }, programs).EstimateOf(Type).Evaluate, 9);
    }

    [Theory]
    [InlineData(null, 100)]
    [InlineData(40, 40)]
    [InlineData(1000, 100)]
    public void Estimate_OfATestSetThatWasCounted_TakesItsSentencesUpToTheMostOfTheRequest(int? counted, int pairs) =>
        Assert.Equal(pairs, new RunFigures(
            _catalog, null, null, null, 2e6, Spec(), counted is { } some ? new CorpusSize(100, some) : null)
            .EstimateOf(Type).TestPairs);

    [Fact]
    public void Shape_OfCountedTokens_IsThatOfTheExpectedLongestPair()
    {
        // Half of the pairs have 30 tokens, half 60; of four pairs the longest has 60 with probability 15/16.
        List<PairLength> lengths = [new(20, 10), new(40, 20), new(100, 100)];
        var corpus = new CorpusSize(3, 3) { Train = lengths, Test = [new(24, 9)] };

        var shape = RunShape.Of(Spec(), corpus);

        Assert.Equal(new ProgramShape(4, 64, 24, 24, 9), shape.Programs);
        Assert.Contains("by the tokens of 3 of the training pairs", shape.Assumptions[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Shape_OfPackedRows_HasFewerOfTheLongestLength()
    {
        var corpus = new CorpusSize(2, 2) { Train = [new(10, 7), new(50, 15)] };
        var spec = Spec();

        var shape = RunShape.Of(spec with { Training = spec.Training with { Pack = true } }, corpus);

        // 4 pairs of 40 positions on average are 160 positions, in rows of 64.
        Assert.Equal((3, 64), (shape.Programs.Rows, shape.Programs.Length));
    }

    [Theory]
    [InlineData(1, 25.0)]
    [InlineData(2, 31.25)]
    [InlineData(1000, 40.0)]
    public void ExpectedMost_OfLengthsDrawnAtRandom_IsTheMeanOfTheirMaximum(int drawn, double expected) =>
        Assert.Equal(
            (int)Math.Ceiling(expected), RunShape.ExpectedMost([40, 10, 30, 20], drawn));

    private static Gemma3Config Model =>
        Gemma3ConfigFile.Read(Checkout.PathOf("samples", "tiny-gemma3", "config.json"));

    private RunFigures Figures(RunSpec spec, IRunPrograms programs) =>
        new(_catalog, programs, _rates, Model, 2e9, spec, null);

    private IEnumerable<Candidate> Places(params string[] types) =>
        types.Select(type => _catalog.At(type, "us-west4-a", ProvisioningMode.Spot, null));

    private static RunSpec Spec() => new()
    {
        RunId = new RunId("r"),
        Name = "r",
        Project = "p",
        Direction = RunDirection.KoToEn,
        Model = "/m",
        Data = new DataSpec { Train = "t", MaxTestPairs = 100 },
        Tpu = new TpuSpec { AcceleratorTypes = [Type] },
        Training = new TrainingSpec { Steps = 10, BatchSize = 4, AccumulationSteps = 2 },
    };
}
