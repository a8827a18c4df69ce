using Workflows.TestKit;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Gemma3.Lean;
using Workflows.TpuWorker.Gemma3.Training;

namespace Workflows.TpuWorker.Tests.Gemma3.Lean;

/// <summary>The trainer over a plugin, beside the trainer over ONNX Runtime.</summary>
[Collection(PluginBesideOnnxTests.Name)]
public sealed class PjrtTrainingSessionTests
{
    /// <summary>Of each loss, as the two executors add in different orders.</summary>
    private const double Tolerance = 1e-3;

    [Theory]
    [InlineData(false, false, 1, false)]
    [InlineData(false, true, 2, true)]
    [InlineData(true, false, 1, false)]
    [InlineData(true, true, 2, false)]
    [InlineData(true, false, 1, true)]
    public async Task Run_ThroughAPlugin_GivesTheLossesOfOnnxRuntime(
        bool isReal, bool lora, int accumulation, bool pack)
    {
        var executor = await PjrtExecutors.StartOrSkipAsync(isReal);
        var options = Options(isReal ? 50 : 4, accumulation);

        // Which values are left out depends on the padding, which is another one without packing.
        options.Lora = lora ? LeanCases.Lora(dropout: pack ? 0.2 : 0) : null;
        options.Pack = pack;

        var (expected, byOnnx) = Train(options, null);
        var (actual, byPlugin) = Train(options, executor);

        Assert.Equal(byOnnx.Steps, byPlugin.Steps);
        Assert.True(!isReal || expected[^1] < expected[0] * 0.8, "nothing was learned");
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, Tolerance * pair.First));
        Assert.InRange(executor.ProgramCount, 1, StepShapes.MostTraining);
    }

    [Theory]
    [InlineData(2, false, false)]
    [InlineData(4, false, true)]
    [InlineData(4, true, false)]
    public async Task Run_SplitOverDevices_GivesTheLossesOfOne(int devices, bool lora, bool pack)
    {
        var executor = await PjrtExecutors.StartOrSkipAsync(isReal: true, devices);
        var options = Options(12, accumulation: 2);
        options.Lora = lora ? LeanCases.Lora() : null;
        options.Pack = pack;
        var wide = Gemma3Checkpoint.CreateRandom(
            LeanCases.Model.Config with { VocabularySize = 4096, IntermediateSize = 1024, InitializerRange = 0.1 }, 3);

        var (expected, _) = Train(options, null, model: wide);
        var (actual, _) = Train(options, executor, model: wide);

        Assert.True(expected[^1] < expected[0] * 0.9, "nothing was learned");
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, Tolerance * pair.First));
    }

    [Fact]
    public async Task Compile_SplitOverDevices_HoldsAPartOfTheWeightsOnEach()
    {
        var config = LeanCases.Model.Config with { VocabularySize = 4096, IntermediateSize = 1024 };
        var plan = new LeanPlan { Batch = 4, Length = 8, Precision = PrecisionPolicy.Full };
        async Task<(long Arguments, long Aliased)> MemoryOn(int devices)
        {
            var executor = await PjrtExecutors.StartOrSkipAsync(isReal: true, devices);
            var program = executor.Compile(
                "a step", LeanStep.Build(config, plan with { Devices = devices }).Graph);
            var memory = program.Executable.Executable.ReadMemory()!;
            return (memory.Arguments, memory.Aliased);
        }

        var (one, four) = (await MemoryOn(1), await MemoryOn(4));

        // Small weights are whole on each.
        Assert.InRange(four.Arguments, one.Arguments / 4, one.Arguments * 3 / 10);
        Assert.InRange(four.Aliased, one.Aliased / 4, one.Aliased * 3 / 10);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Run_CheckpointOfTheOtherExecutor_GoesOnWithItsLosses(bool isReal, bool beginsWithOnnx)
    {
        using var temporary = new TemporaryFolder();
        var executor = await PjrtExecutors.StartOrSkipAsync(isReal);
        var options = Options(isReal ? 16 : 6);
        var (straight, _) = Train(options, null);
        var half = options.Steps / 2;
        Executor? first = beginsWithOnnx ? null : executor;

        Stop(options, first, temporary["run"], half);
        var losses = new List<double>();
        using var tuner = new FineTuner(
            LeanCases.Model, options, Examples(), executor: beginsWithOnnx ? executor : null);
        var result = tuner.Run(temporary["run"], step => losses.Add(step.Loss), default);

        Assert.Equal(half, result.ResumedFromStep);
        Assert.All(straight[half..].Zip(losses), pair => Assert.Equal(pair.First, pair.Second, Tolerance * pair.First));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Run_StoppedAndResumedOnAPlugin_GivesTheSameBits(bool isReal, bool lora)
    {
        using var temporary = new TemporaryFolder();
        var executor = await PjrtExecutors.StartOrSkipAsync(isReal);
        var options = Options(5);
        options.Lora = lora ? LeanCases.Lora(dropout: 0.2) : null;
        using var straight = new FineTuner(LeanCases.Model, options, Examples(), executor: executor);
        straight.Run(temporary["straight"], _ => { }, default);

        Stop(options, executor, temporary["run"], 3);
        using var resumed = new FineTuner(LeanCases.Model, options, Examples(), executor: executor);
        var result = resumed.Run(temporary["run"], _ => { }, default);

        Assert.Equal(3, result.ResumedFromStep);
        var (expected, actual) = (straight.CreateCheckpoint().Parameters, resumed.CreateCheckpoint().Parameters);
        Assert.All(expected, weight => Assert.Equal(weight.Value.Floats, actual[weight.Key].Floats));
    }

    [Fact]
    public async Task Run_DeviceLimitBelowTheStep_TakesSmallerPassesForTheSameLosses()
    {
        var executor = await PjrtExecutors.StartOrSkipAsync(isReal: true);
        var examples = LongExamples();
        var options = Options(3);
        options.BatchSize = 8;
        var (expected, _) = Train(options, null, examples);
        var (whole, half) = (Count(executor, 8, 1), Count(executor, 4, 2));
        Assert.True(half < whole, $"half as many rows take {half} bytes, all take {whole}");

        options.MemoryLimitBytes = (half + whole) / 2;
        var (actual, halved) = Train(options, executor, examples);

        Assert.Equal(4, halved.PassSize);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, Tolerance * pair.First));
    }

    [Fact]
    public async Task Run_DeviceLimitBelowOneExample_IsRefusedAsMemory()
    {
        var executor = await PjrtExecutors.StartOrSkipAsync(isReal: true);
        var options = Options(2);
        options.BatchSize = 1;
        options.MemoryLimitBytes = 1000;

        var refusal = Assert.Throws<TrainingMemoryException>(() => Train(options, executor));

        Assert.Contains("Step 1", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_MemoryThatRunsOutBeforeALaunch_IsDoneAgainInSmallerPasses()
    {
        using var temporary = new TemporaryFolder();
        var executor = await PjrtExecutors.StartOrSkipAsync(isReal: false);
        using var tuner = new FineTuner(LeanCases.Model, Options(3), Examples(), executor: executor);
        var passes = 0;
        tuner.BeforePass = shape => _ = ++passes == 2 && shape.Batch > 1 ? throw new InsufficientMemoryException() : 0;

        var result = tuner.Run(temporary["run"], _ => { }, default);

        Assert.Equal((3, 3), (result.Steps, result.PassSize));
    }

    [Fact]
    public async Task Run_WeightsThatAreNoNumbers_EndAsDiverged()
    {
        var executor = await PjrtExecutors.StartOrSkipAsync(isReal: false);
        var broken = Gemma3Checkpoint.CreateRandom(LeanCases.Model.Config, 3);
        broken.Parameters["model.norm.weight"].Floats[3] = float.PositiveInfinity;
        using var temporary = new TemporaryFolder();
        using var tuner = new FineTuner(broken, Options(2), Examples(), executor: executor);

        var fault = Assert.Throws<TrainingDivergedException>(() => tuner.Run(temporary["run"], _ => { }, default));

        Assert.Equal(1, fault.Step);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Run_Measured_GivesTheScoresOfOnnxRuntime(bool lora)
    {
        var executor = await PjrtExecutors.StartOrSkipAsync(isReal: true);
        var options = Options(4);
        options.Lora = lora ? LeanCases.Lora(dropout: 0.2) : null;
        List<double?> Scores(Executor? on)
        {
            using var temporary = new TemporaryFolder();
            var seen = new List<double?>();
            using var tuner = new FineTuner(
                LeanCases.Model, options, Examples(), TrainingValidation.OfLoss(LeanCases.Examples(7, 9), 2), on);
            tuner.Run(temporary["run"], step => seen.Add(step.ValidationScore), default);
            return seen;
        }

        var (expected, actual) = (Scores(null), Scores(executor));

        Assert.Equal(4, actual.Count);
        Assert.All(expected.Zip(actual).Skip(1), pair => Assert.Equal(pair.First!.Value, pair.Second!.Value, 2e-3));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Run_MeasuredByItsTranslations_DecodesWithTheWeightsOnTheDevice(bool lora)
    {
        var executor = await PjrtExecutors.StartOrSkipAsync(isReal: true);
        var options = Options(3);
        options.Lora = lora ? LeanCases.Lora(dropout: 0.2) : null;
        var compared = 0;
        var validation = TrainingValidation.OfScore("tokens", "1", (measured, stop) =>
        {
            using var onDevice = measured.CreateDecoder();
            using var onHost = new OnnxExecutor(1).CreateDecoder(measured.Read());
            var decoding = new DecodeOptions { MaxNewTokens = 6, BatchSize = 2 };
            int[][] prompts = [[2, 20, 30], [2, 21, 30, 4], [2, 22]];
            Assert.Equal(
                onHost.Generate(prompts, decoding, null, stop), onDevice.Generate(prompts, decoding, null, stop));
            return ++compared;
        }, everySteps: 1);
        using var temporary = new TemporaryFolder();
        using var tuner = new FineTuner(LeanCases.Model, options, Examples(), validation, executor);

        var result = tuner.Run(temporary["run"], _ => { }, default);

        Assert.Equal((3, 3.0), (compared, result.BestScore));

        // Each kind of program once, however often it is measured: step, prefill, decoding, for one or two lengths.
        Assert.InRange(executor.ProgramCount, 3, 6);
    }

    /// <summary>The bytes that a step takes with its layers computed again, by the compiler's count.</summary>
    private static long Count(PjrtExecutor executor, int batch, int microBatches)
    {
        var plan = new LeanPlan
        {
            Batch = batch,
            Length = LongExamples()[0].Tokens.Length - 1,
            Answers = LongExamples()[0].Tokens.Length - 1,
            MicroBatches = microBatches,
            Precision = PrecisionPolicy.Full,
            Optimizer = Options(3),
        };
        var program = executor.Compile("a step", LeanStep.Build(LeanCases.Model.Config, plan).Graph);
        return program.Executable.Executable.ReadMemory()!.Total;
    }

    private static (List<double> Losses, TrainingResult Result) Train(
        FineTuneOptions options, Executor? executor, TrainingExample[]? examples = null,
        Gemma3Checkpoint? model = null)
    {
        using var temporary = new TemporaryFolder();
        var losses = new List<double>();
        using var tuner = new FineTuner(
            model ?? LeanCases.Model, options, examples ?? Examples(), executor: executor);
        var result = tuner.Run(temporary["run"], step => losses.Add(step.Loss), default);
        return (losses, result);
    }

    private static void Stop(FineTuneOptions options, Executor? executor, string directory, int step)
    {
        using var tuner = new FineTuner(LeanCases.Model, options, Examples(), executor: executor);
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => tuner.Run(directory, progress =>
        {
            if (progress.Step == step)
            {
                stop.Cancel();
            }
        }, stop.Token));
    }

    private static FineTuneOptions Options(int steps, int accumulation = 1) => new()
    {
        Steps = steps,
        BatchSize = 5,
        AccumulationSteps = accumulation,
        LearningRate = 1e-2,
        WarmupSteps = 2,
        WeightDecay = 0.1,
        Threads = 1,
    };

    /// <summary>Long enough for a pass's values to outweigh the weights.</summary>
    private static TrainingExample[] LongExamples() => [.. Enumerable.Range(0, 8).Select(i =>
        new TrainingExample([.. Enumerable.Range(0, 129).Select(at => 2 + ((at + i) % 90))], 1))];

    private static TrainingExample[] Examples() => [.. Enumerable.Range(0, 23).Select(i =>
    {
        var answer = Enumerable.Repeat(10 + (i % 3), 2 + (i % 9));
        return new TrainingExample([2, 20 + (i % 3), 30, .. answer, 1], 3);
    })];
}
