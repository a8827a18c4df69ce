namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>What one finished step of training did.</summary>
/// <param name="Step">Number of the step, from 1.</param>
/// <param name="Steps">How many there will be.</param>
/// <param name="Loss">Mean negative log-likelihood, in nats, of the step's answer tokens before its update.</param>
/// <param name="LearningRate">Learning rate of the update.</param>
/// <param name="GradientNorm">Global norm of the gradient before clipping.</param>
/// <param name="Tokens">Tokens, padding not counted, since the very first step, resumed ones included.</param>
/// <param name="TokensPerSecond">Tokens of this step over its wall-clock time, checkpointing not counted.</param>
/// <param name="CheckpointPath">Where a checkpoint was just written; null if none was.</param>
public sealed record TrainingProgress(
    int Step,
    int Steps,
    double Loss,
    double LearningRate,
    double GradientNorm,
    long Tokens,
    double TokensPerSecond,
    string? CheckpointPath);
