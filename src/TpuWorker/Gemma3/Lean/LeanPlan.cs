using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>The static sizes and choices of a training step that is compiled as one program.</summary>
public sealed record LeanPlan
{
    // Scores of a vocabulary that exist at once: 512 MB in single precision if the embedding is trained, since each
    // chunk then reads and writes the embedding's gradient; half of that if it is frozen.
    private const long TrainedChunkElements = 1 << 27;
    private const long FrozenChunkElements = 1 << 26;

    /// <summary>Gets the rows of a micro-batch, each with one or several texts.</summary>
    /// <value>1 or more.</value>
    public required int Batch { get; init; }

    /// <summary>Gets the positions of a row.</summary>
    /// <value>1 or more.</value>
    public required int Length { get; init; }

    /// <summary>Gets the number of positions of a row for which the loss may be computed.</summary>
    /// <value>1 to <see cref="Length"/>; null for all of them.</value>
    public int? Answers { get; init; }

    /// <summary>Gets the number of micro-batches whose gradients a step adds up.</summary>
    /// <value>1 or more.</value>
    public int MicroBatches { get; init; } = 1;

    /// <summary>Gets the chips over which the step is split.</summary>
    /// <value>1 or more; a divisor of <see cref="Batch"/>.</value>
    public int Devices { get; init; } = 1;

    /// <summary>Gets the adapter; null trains all weights.</summary>
    public LoraOptions? Lora { get; init; }

    /// <summary>Gets the element types.</summary>
    public PrecisionPolicy Precision { get; init; } = PrecisionPolicy.Mixed;

    /// <summary>Gets the most answers whose scores exist at once.</summary>
    /// <value>1 or more; null for a number that suits the vocabulary.</value>
    public int? ChunkRows { get; init; }

    /// <summary>
    /// Gets a value indicating whether a layer is recomputed for its gradient instead of keeping its values: a third
    /// more work for the layers, and a small part of the memory.
    /// </summary>
    public bool Recompute { get; init; } = true;

    /// <summary>Gets betas, epsilon, decay and the largest norm of gradients.</summary>
    public FineTuneOptions Optimizer { get; init; } = new();

    /// <summary>Gets the answers of a row.</summary>
    internal int AnswerCount => Answers ?? Length;

    /// <summary>Returns the chunks of the loss: the fewest of equal size that are small enough.</summary>
    /// <param name="config">Sizes of the model.</param>
    /// <returns>The number of chunks.</returns>
    internal int ChunkCount(Gemma3Config config)
    {
        // Each chip computes the scores of its own rows, so a chunk is then a part of every row.
        var elements = (Lora is null ? TrainedChunkElements : FrozenChunkElements) * Devices;
        var most = ChunkRows ?? Math.Max(1, elements / config.VocabularySize);
        var (rows, cut) = (Batch * AnswerCount, Devices == 1 ? Batch * AnswerCount : AnswerCount);
        var chunks = (int)Math.Min(cut, (rows + most - 1) / most);
        while (cut % chunks != 0)
        {
            chunks++;
        }

        return chunks;
    }

    /// <summary>Returns the shape of an input that has a part for each micro-batch.</summary>
    internal Shape PerMicroBatch(params ReadOnlySpan<int> sizes) =>
        MicroBatches == 1 ? new Shape(sizes) : new Shape([MicroBatches, .. sizes]);

    internal void Validate()
    {
        Require(Batch >= 1, nameof(Batch), $"{Batch}", "1 or more");
        Require(Length >= 1, nameof(Length), $"{Length}", "1 or more");
        Require(AnswerCount >= 1 && AnswerCount <= Length, nameof(Answers), $"{Answers}", $"1 to {Length}");
        Require(
            Devices >= 1 && Batch % Devices == 0, nameof(Devices), $"{Devices} for {Batch} rows",
            "a divisor of the rows");
        Require(MicroBatches >= 1, nameof(MicroBatches), $"{MicroBatches}", "1 or more");
        Require(ChunkRows is null or >= 1, nameof(ChunkRows), $"{ChunkRows}", "1 or more");
        Require(
            (long)Batch * Length <= int.MaxValue, nameof(Batch), $"{Batch} rows of {Length}",
            $"at most {int.MaxValue} positions");
        Lora?.Validate();
        Precision.Validate();
    }

    private static void Require(bool holds, string name, string got, string wanted)
    {
        if (!holds)
        {
            throw new ModelInputException($"training plan {name}", $"is {got}, wanted {wanted}");
        }
    }
}
