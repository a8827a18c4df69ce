using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3;

/// <summary>A model file is missing, damaged, or not what its configuration says.</summary>
/// <param name="path">The file at fault.</param>
/// <param name="problem">What is wrong, naming the tensor or key.</param>
/// <param name="innerException">The cause, where reading or parsing failed.</param>
public sealed class CheckpointFormatException(string path, string problem, Exception? innerException = null)
    : TpuWorkerException("checkpoint.format", $"{path}: {problem}", innerException)
{
    /// <summary>The file at fault.</summary>
    public string Path { get; } = path;

    /// <summary>What is wrong, naming the tensor or key.</summary>
    public string Problem { get; } = problem;
}
