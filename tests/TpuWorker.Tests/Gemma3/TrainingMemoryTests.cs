using Workflows.TestKit;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Gemma3;

public sealed class TrainingMemoryTests
{
    [Fact]
    public void Estimate_FullFineTuning_CountsSixCopiesOfTheWeightsAndThePass()
    {
        var options = new FineTuneOptions { BatchSize = 4, MaxLength = 64 };
        var parameters = Gemma3Checkpoint.CreateRandom(Models.Tiny, 1).ParameterCount;

        var estimate = TrainingMemory.Estimate(Models.Tiny, options);

        Assert.Equal((24 * parameters) + TrainingMemory.WorkingBytes(Models.Tiny, options), estimate);
        options.AccumulationSteps = 2;
        Assert.Equal(4 * parameters, TrainingMemory.Estimate(Models.Tiny, options) - estimate);
        options.BatchSize = 8;
        Assert.True(TrainingMemory.WorkingBytes(Models.Tiny, options) > estimate - (24 * parameters));
    }

    [Fact]
    public void Estimate_RealSizes_AdapterNeedsAFractionAndLogitsDoNotGrowWithTheBatch()
    {
        // 1B by the published table.
        var config = new Gemma3Config
        {
            VocabularySize = 262_144,
            HiddenSize = 1152,
            IntermediateSize = 6912,
            LayerCount = 26,
            HeadCount = 4,
            KeyValueHeadCount = 1,
        };
        var options = new FineTuneOptions { BatchSize = 8, MaxLength = 129 };
        var full = TrainingMemory.Estimate(config, options);
        var working = TrainingMemory.WorkingBytes(config, options);
        options.Lora = new LoraOptions();

        Assert.InRange(full - working, 23.9e9, 24.1e9);
        Assert.InRange(TrainingMemory.Estimate(config, options), 6e9, 0.6 * full);

    }

    [Fact]
    public void Constructor_LimitBelowTheEstimate_NamesTheLargestBatchThatFits()
    {
        var options = new FineTuneOptions { BatchSize = 64, MaxLength = 200 };
        var tried = new FineTuneOptions { BatchSize = 9, MaxLength = 200 };
        options.MemoryLimitBytes = TrainingMemory.Estimate(Models.Tiny, tried);
        var model = Gemma3Checkpoint.CreateRandom(Models.Tiny, 1);

        var fault = Assert.Throws<TrainingMemoryException>(
            () => new FineTuner(model, options, [new TrainingExample([1, 2], 1)]));

        Assert.Equal(("training.memory", 9), (fault.ErrorCode, fault.LargestBatch));
        Assert.Contains("largest batch that fits is 9", fault.Message, StringComparison.Ordinal);
        options.BatchSize = fault.LargestBatch!.Value;
        using var fits = new FineTuner(model, options, [new TrainingExample([1, 2], 1)]);
        options.MemoryLimitBytes = 1;
        fault = Assert.Throws<TrainingMemoryException>(
            () => new FineTuner(model, options, [new TrainingExample([1, 2], 1)]));
        Assert.Null(fault.LargestBatch);
    }

    [Theory]
    [InlineData(4096, 1024)]
    [InlineData(1_000_000, 100_000)]
    public void RequireMemory_ResultsBeyondAnyArray_NamesTheLargestBatchThatFits(int batch, int length)
    {
        var options = new FineTuneOptions
        {
            BatchSize = batch,
            MaxLength = length,
            MemoryLimitBytes = 1L << 36,
        };
        var config = Models.Tiny with { MaxPositions = length };

        var fault = Assert.Throws<TrainingMemoryException>(() => FineTuner.RequireMemory(config, options));

        Assert.Contains("results of more than 2^31 elements", fault.Message, StringComparison.Ordinal);
        if (fault.LargestBatch is { } largest)
        {
            options.BatchSize = largest;
            FineTuner.RequireMemory(config, options);
        }
    }

    [Fact]
    public void Run_MemoryRunsOut_GoesOnWithSmallerPassesAndTheSameBatch()
    {
        TrainingExample[] examples = [.. Enumerable.Range(0, 12).Select(i =>
            new TrainingExample([2, 3, .. Enumerable.Repeat(10 + (i % 5), 1 + (i % 7)), 1], 1))];
        var model = Gemma3Checkpoint.CreateRandom(Models.Tiny, 4);
        (List<double> Losses, TrainingResult Result) Losses(int batch, int accumulation, int fits)
        {
            using var temporary = new TemporaryFolder();
            var options = new FineTuneOptions
            {
                Steps = 5,
                BatchSize = batch,
                AccumulationSteps = accumulation,
                LearningRate = 1e-3,
            };
            using var tuner = new FineTuner(model, options, examples);
            tuner.BeforePass = shape =>
            {
                if (shape.Batch > fits)
                {
                    throw new InsufficientMemoryException();
                }
            };
            var losses = new List<double>();
            var result = tuner.Run(temporary["run"], step => losses.Add(step.Loss), default);
            return (losses, result);
        }

        var (whole, unhurt) = Losses(12, 1, 12);
        var (parts, result) = Losses(12, 1, 4);

        Assert.Equal((12, 3), (unhurt.PassSize, result.PassSize));
        Assert.All(whole.Zip(parts), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.All(whole.Zip(Losses(4, 3, 4).Losses), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.Throws<TrainingMemoryException>(() => Losses(12, 1, 0));
    }

    [Fact]
    public void LimitBytes_ThisMachine_IsAboveWhatTheProcessHolds()
    {
        Assert.InRange(MachineMemory.LimitBytes(), Environment.WorkingSet, long.MaxValue - 1);
    }

    [Theory]
    [InlineData("max\n", null)]
    [InlineData("1073741824\n", 1073741824L)]
    public void Number_ControlGroupFile_IsReadOrUnlimited(string content, long? expected)
    {
        using var temporary = new TemporaryFolder();
        Directory.CreateDirectory(temporary["cgroup"]);
        File.WriteAllText(Path.Combine(temporary["cgroup"], "memory.max"), content);

        Assert.Equal(expected, MachineMemory.Number(Path.Combine(temporary["cgroup"], "memory.max")));
        Assert.Null(MachineMemory.Number(Path.Combine(temporary["cgroup"], "absent")));
    }

    [Fact]
    public void PeakBytes_ScoresInChunks_SparesWhatTheyWouldTakeTogether()
    {
        // The real vocabulary on a tiny model: a thousand rows of scores are 1 GB.
        var config = Models.Tiny with { VocabularySize = 262_144 };
        long Peak(int rowsAtOnce) => WorkingMemory.PeakBytes(GradientProgram.Build(
            config, 1, new BatchShape(8, 128, 1024), ["model.norm.weight"], null, rowsAtOnce));

        Assert.True(Peak(1024) > 2L << 30);
        Assert.InRange(Peak(AnswerLoss.RowsAtOnce(config)), 3 << 27, 1 << 29);
    }

    [Fact]
    public void PeakBytes_ChainOfOperations_FreesEachAfterItsLastUse()
    {
        var graph = new Graph();
        var input = graph.Input("x", new Shape(1000));
        var first = graph.Exp(input);
        var second = graph.Exp(graph.Exp(graph.Reshape(first, new Shape(10, 100))));
        graph.Output("y", graph.Add(second, graph.Reshape(graph.Exp(input), new Shape(10, 100))));
        graph.Exp(second);

        // At the last sum: its two operands and the result, which is the caller's but is being written.
        Assert.Equal(3 * 4000, WorkingMemory.PeakBytes(graph));
    }
}
