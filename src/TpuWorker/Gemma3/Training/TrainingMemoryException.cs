using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>The exception of a training that does not fit in memory.</summary>
public sealed class TrainingMemoryException : TpuWorkerException
{
    private const double Gibi = 1L << 30;
    private const long Most = 1L << 60;

    private TrainingMemoryException(string message, int? largestBatch)
        : base("training.memory", message)
    {
        LargestBatch = largestBatch;
    }

    /// <summary>
    /// The largest batch that would fit, with all other options equal; null if none would, or it is not known.
    /// </summary>
    public int? LargestBatch { get; }

    /// <summary>Creates the exception of a training that is refused before it begins.</summary>
    /// <param name="batch">The requested batch.</param>
    /// <param name="needed">Bytes needed by the estimate.</param>
    /// <param name="limit">Available bytes.</param>
    /// <param name="largest">The largest batch that fits; null if none does.</param>
    /// <returns>The exception.</returns>
    internal static TrainingMemoryException Refused(int batch, long needed, long limit, int? largest) => new(
        $"Training with batches of {batch} needs "
        + (needed < Most ? $"about {needed / Gibi:f2} GiB" : "results of more than 2^31 elements")
        + $", there are {limit / Gibi:f2} GiB: "
        + (largest is { } fits
            ? $"the largest batch that fits is {fits} (more accumulation steps keep the effective batch the same)."
            : "no batch fits. Use LoRA, shorter examples, a smaller model or a larger machine."),
        largest);

    /// <summary>Creates the exception of a host without memory for weights, moments and the exported model.</summary>
    /// <param name="needed">Bytes needed.</param>
    /// <param name="limit">Available bytes.</param>
    /// <returns>The exception.</returns>
    internal static TrainingMemoryException HostRefused(long needed, long limit) => new(
        $"The training needs about {needed / Gibi:f2} GiB of the host's memory besides the device's, there are "
        + $"{limit / Gibi:f2} GiB. Use LoRA, a smaller model or a larger machine.",
        null);

    /// <summary>Creates the exception of memory that ran out with a single example.</summary>
    /// <param name="step">The step.</param>
    /// <returns>The exception.</returns>
    internal static TrainingMemoryException Exhausted(int step) => new(
        $"Step {step}: memory ran out with a single example at a time. Use LoRA, shorter examples or a larger machine.",
        null);
}
