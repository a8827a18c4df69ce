namespace DurableTask.Core;

/// <summary>The orchestration that called another one.</summary>
public sealed class ParentInstance
{
    /// <summary>The caller's orchestrator.</summary>
    public string? Name { get; init; }

    /// <summary>The caller's version.</summary>
    public string? Version { get; init; }

    /// <summary>The caller.</summary>
    public OrchestrationInstance? OrchestrationInstance { get; init; }

    /// <summary>The number of the event that made the call.</summary>
    public int TaskScheduleId { get; init; }
}
