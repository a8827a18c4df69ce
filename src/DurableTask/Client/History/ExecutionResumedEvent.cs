namespace DurableTask.Core.History;

/// <summary>The orchestration was resumed.</summary>
/// <param name="eventId">Its number.</param>
public sealed class ExecutionResumedEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.ExecutionResumed;

    /// <summary>Why.</summary>
    public string? Reason { get; init; }
}
