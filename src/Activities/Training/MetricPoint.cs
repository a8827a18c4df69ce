using System.Text.Json.Serialization;

namespace Workflows.Activities.Training;

/// <summary>One point of the loss curve.</summary>
/// <param name="At">Time of its arrival.</param>
/// <param name="Step">Optimizer step, from 1.</param>
/// <param name="Steps">Steps in all.</param>
/// <param name="Loss">Mean cross-entropy over the step's answer tokens, in nats.</param>
/// <param name="LearningRate">Learning rate of the step.</param>
/// <param name="GradientNorm">Global norm before clipping.</param>
/// <param name="Tokens">Tokens since the worker began.</param>
/// <param name="TokensPerSecond">Rate.</param>
/// <param name="CheckpointStep">Newest complete checkpoint.</param>
public sealed record MetricPoint(
    DateTimeOffset At, int Step, int Steps, double Loss, double LearningRate, double GradientNorm, long Tokens,
    double TokensPerSecond, int CheckpointStep)
{
    /// <summary>
    /// The measurement on the validation pairs that arrived with this point, usually that of its step; null for none.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ValidationFact? Validation { get; init; }
}
