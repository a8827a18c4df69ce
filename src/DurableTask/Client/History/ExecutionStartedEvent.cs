namespace DurableTask.Core.History;

/// <summary>The orchestration was started.</summary>
/// <param name="eventId">Its number.</param>
public sealed class ExecutionStartedEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.ExecutionStarted;

    /// <summary>The orchestrator.</summary>
    public string Name { get; init; } = string.Empty;

    /// <summary>The version.</summary>
    public string? Version { get; init; }

    /// <summary>The input as text.</summary>
    public string? Input { get; init; }

    /// <summary>The instance and its execution.</summary>
    public OrchestrationInstance? OrchestrationInstance { get; init; }

    /// <summary>Who called it.</summary>
    public ParentInstance? ParentInstance { get; init; }

    /// <summary>The tags.</summary>
    public IDictionary<string, string>? Tags { get; init; }

    /// <summary>When it was to start; null for at once.</summary>
    public DateTime? ScheduledStartTime { get; init; }
}
