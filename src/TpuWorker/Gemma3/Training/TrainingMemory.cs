using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>Estimates the memory that a training needs, before anything is loaded.</summary>
public static class TrainingMemory
{
    private const long ElementBytes = 4;

    // Measured on the CPU runtime, whose operations hold copies and whose pool is fragmented: twice the live values of
    // the graph, a fixed part, and in full training three tables for the embedding's gradient.
    private const long RuntimeFactor = 2;
    private const long RuntimeBytes = 128L << 20;
    private const long EmbeddingCopies = 3;

    // Far more than any machine has, and far from overflowing when something is added.
    private const long BeyondReach = long.MaxValue / 4;

    /// <summary>
    /// Estimates the bytes for the base model's weights (4 each), the trained copy (4), gradients (4), both moments
    /// (8), the sums of accumulated batches (4, with more than one), the tuned model during its export (4), and the
    /// intermediate results of one pass over the largest batch that the options allow, with the runtime's own
    /// additions. The process without a model, and the examples, are not counted.
    /// </summary>
    /// <param name="config">Sizes of the model.</param>
    /// <param name="options">The training's options.</param>
    /// <returns>
    /// An estimate in bytes, accurate to a quarter: the pass was compared with memory measured at six sizes. 2^61 if a
    /// single result of the pass would have more than 2^31 - 1 elements, which no array holds. Every example is assumed
    /// to be as long as the options allow and to consist of answer tokens.
    /// </returns>
    /// <exception cref="ModelInputException">An option is out of range.</exception>
    public static long Estimate(Gemma3Config config, FineTuneOptions options)
    {
        options.Validate();
        var all = Count(Gemma3Parameters.All(config));
        var trained = options.Lora is { } lora ? Count(LoraParameters.All(config, lora)) : all;
        var exported = options.Lora is { } adapter ? Count(LoraParameters.Adapted(config, adapter.Targets)) : all;
        var copies = options.AccumulationSteps == 1 && options.PassSize == options.BatchSize ? 4 : 5;
        var state = ElementBytes * (all + (copies * trained) + exported);
        return state + WorkingBytes(config, options);
    }

    /// <summary>Returns the largest batch for which the estimate is within the limit, with all other options
    /// equal.</summary>
    /// <param name="config">Sizes of the model.</param>
    /// <param name="options">The training's options; its batch size is the most that is tried.</param>
    /// <param name="limitBytes">Available bytes.</param>
    /// <returns>Examples; null if not even one fits.</returns>
    public static int? LargestBatch(Gemma3Config config, FineTuneOptions options, long limitBytes)
    {
        // The estimate grows with the batch, so bisection finds the limit.
        var (fits, above) = (0, options.BatchSize + 1);
        while (above - fits > 1)
        {
            var tried = options.Clone();
            tried.BatchSize = (fits + above) / 2;
            if (Estimate(config, tried) <= limitBytes)
            {
                fits = tried.BatchSize;
            }
            else
            {
                above = tried.BatchSize;
            }
        }

        return fits == 0 ? null : fits;
    }

    /// <summary>
    /// Returns the bytes that a checkpoint written in the background adds: a copy of the trained weights and moments.
    /// </summary>
    internal static long SnapshotBytes(Gemma3Config config, FineTuneOptions options) =>
        3 * ElementBytes * Count(options.Lora is { } lora
            ? LoraParameters.All(config, lora)
            : Gemma3Parameters.All(config));

    /// <summary>Estimates the intermediate results of one pass over the largest batch.</summary>
    internal static long WorkingBytes(Gemma3Config config, FineTuneOptions options)
    {
        var length = BatchShape.RoundLength(options.MaxLength - 1);
        if ((long)options.PassSize * length > int.MaxValue)
        {
            return BeyondReach;
        }

        var shape = new BatchShape(options.PassSize, length, options.PassSize * length);
        var trained = options.Lora is { } lora ? LoraParameters.All(config, lora) : Gemma3Parameters.All(config);
        long alive;
        try
        {
            var graph = GradientProgram.Build(
                config, 1, shape, [.. trained.Select(parameter => parameter.Name)], options.Lora,
                AnswerLoss.RowsAtOnce(config));
            if (graph.Nodes.Any(node => node.Shape.ElementCount > int.MaxValue))
            {
                return BeyondReach;
            }

            alive = WorkingMemory.PeakBytes(graph);
        }
        catch (OverflowException)
        {
            return BeyondReach;
        }

        var embedding = options.Lora is null && shape.Rows > AnswerLoss.RowsAtOnce(config)
            ? EmbeddingCopies * ElementBytes * config.VocabularySize * config.HiddenSize
            : 0;
        return RuntimeBytes + (RuntimeFactor * alive) + embedding;
    }

    private static long Count(IEnumerable<(string Name, Shape Shape)> parameters) =>
        parameters.Sum(parameter => (long)parameter.Shape.Count);
}
