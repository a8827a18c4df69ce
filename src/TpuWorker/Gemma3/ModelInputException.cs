using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3;

/// <summary>An option, an example or a prompt cannot be worked with.</summary>
/// <param name="subject">The option, example or prompt at fault.</param>
/// <param name="problem">What it is and what was wanted.</param>
public sealed class ModelInputException(string subject, string problem)
    : TpuWorkerException("model.input", $"{subject} {problem}.")
{
    /// <summary>The option, example or prompt at fault.</summary>
    public string Subject { get; } = subject;
}
