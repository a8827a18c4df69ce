using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3;

/// <summary>The exception of scores that are not finite numbers: the model's weights are damaged or overflow.</summary>
/// <param name="prompt">Index of the prompt.</param>
/// <param name="position">Position, from 0, whose next token was to be chosen.</param>
public sealed class NonFiniteOutputException(int prompt, int position)
    : TpuWorkerException(
        "model.not-finite", $"Prompt {prompt}: the scores after position {position} are not finite numbers.")
{
    /// <summary>Index of the prompt.</summary>
    public int Prompt { get; } = prompt;

    /// <summary>Position, from 0, whose next token was to be chosen.</summary>
    public int Position { get; } = position;
}
