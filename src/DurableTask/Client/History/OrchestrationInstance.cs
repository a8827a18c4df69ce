namespace DurableTask.Core;

/// <summary>An orchestration and one execution of it.</summary>
public sealed class OrchestrationInstance
{
    /// <summary>The orchestration.</summary>
    public string InstanceId { get; init; } = string.Empty;

    /// <summary>The execution.</summary>
    public string? ExecutionId { get; init; }
}
