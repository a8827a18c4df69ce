using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// The exception of a checkpoint directory that belongs to another training, with other options, examples or base
/// model. Resuming from it would mix the two.
/// </summary>
/// <param name="path">The checkpoint.</param>
/// <param name="got">Fingerprint of the training that wrote it.</param>
/// <param name="wanted">Fingerprint of this training.</param>
public sealed class CheckpointMismatchException(string path, string got, string wanted)
    : TpuWorkerException(
        "training.checkpoint-mismatch",
        $"{path} belongs to another training ({got[..12]}, this is {wanted[..12]}): other options, examples or base "
            + "model. Use another directory, or delete this one to start over.")
{
    /// <summary>The checkpoint.</summary>
    public string Path { get; } = path;
}
