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
