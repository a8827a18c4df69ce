using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>An option, an example or a prompt cannot be worked with.</summary>
/// <param name="subject">The option or example at fault.</param>
/// <param name="problem">What it is and what was wanted.</param>
public sealed class TrainingInputException(string subject, string problem)
    : TpuWorkerException("training.input", $"{subject} {problem}.")
{
    /// <summary>The option or example at fault.</summary>
    public string Subject { get; } = subject;
}
