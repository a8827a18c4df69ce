using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// The exception of a step whose loss or gradient is not a finite number. The weights are those before the step; no
/// checkpoint of this step is written.
/// </summary>
/// <param name="step">Number of the step, from 1.</param>
/// <param name="loss">Its loss.</param>
/// <param name="gradientNorm">Global norm of its gradient.</param>
public sealed class TrainingDivergedException(int step, double loss, double gradientNorm)
    : TpuWorkerException(
        "training.diverged",
        $"Step {step}: loss {loss}, gradient norm {gradientNorm}. Lower the learning rate or check the data.")
{
    /// <summary>Number of the step, from 1.</summary>
    public int Step { get; } = step;

    /// <summary>The step's loss.</summary>
    public double Loss { get; } = loss;

    /// <summary>Global norm of the step's gradient.</summary>
    public double GradientNorm { get; } = gradientNorm;
}
