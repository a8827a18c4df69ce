using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3;

/// <summary>The exception of an option, an example or a prompt that is not valid.</summary>
/// <param name="subject">The option, example or prompt at fault.</param>
/// <param name="problem">The value found and the value wanted.</param>
public sealed class ModelInputException(string subject, string problem)
    : TpuWorkerException("model.input", $"{subject} {problem}.")
{
    /// <summary>The option, example or prompt at fault.</summary>
    public string Subject { get; } = subject;
}
