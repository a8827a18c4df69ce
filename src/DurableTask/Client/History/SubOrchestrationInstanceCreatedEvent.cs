namespace DurableTask.Core.History;

/// <summary>A sub-orchestration was called.</summary>
/// <param name="eventId">Its number.</param>
public sealed class SubOrchestrationInstanceCreatedEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.SubOrchestrationInstanceCreated;

    /// <summary>The orchestrator.</summary>
    public string Name { get; init; } = string.Empty;

    /// <summary>The version.</summary>
    public string? Version { get; init; }

    /// <summary>Its id.</summary>
    public string InstanceId { get; init; } = string.Empty;

    /// <summary>The input as text.</summary>
    public string? Input { get; init; }
}
