namespace DurableTask.Core.History;

/// <summary>The orchestration was paused.</summary>
/// <param name="eventId">Its number.</param>
public sealed class ExecutionSuspendedEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.ExecutionSuspended;

    /// <summary>Why.</summary>
    public string? Reason { get; init; }
}
