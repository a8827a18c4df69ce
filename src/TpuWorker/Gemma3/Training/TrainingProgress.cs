namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>The figures of one finished step of training.</summary>
/// <param name="Step">Number of the step, from 1.</param>
/// <param name="Steps">Steps in all.</param>
/// <param name="Loss">Mean negative log-likelihood, in nats, of the step's answer tokens before its update.</param>
/// <param name="LearningRate">Learning rate of the update.</param>
/// <param name="GradientNorm">Global norm of the gradient before clipping.</param>
/// <param name="Tokens">Tokens, padding not counted, since the very first step, including resumed ones.</param>
/// <param name="TokensPerSecond">Tokens of this step over its wall-clock time, checkpointing not counted.</param>
/// <param name="CheckpointPath">
/// The checkpoint that was completed since the last report, of this step or, if written in the background, of an
/// earlier one; null for none.
/// </param>
public sealed record TrainingProgress(
    int Step,
    int Steps,
    double Loss,
    double LearningRate,
    double GradientNorm,
    long Tokens,
    double TokensPerSecond,
    string? CheckpointPath)
{
    /// <summary>The step of the newest complete checkpoint; 0 if there is none.</summary>
    public int CheckpointStep { get; init; }

    /// <summary>The last score on the validation set; null before the first measurement.</summary>
    public double? ValidationScore { get; init; }

    /// <summary>The step after which it was measured.</summary>
    public int ValidationStep { get; init; }
}
