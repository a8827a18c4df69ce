namespace DurableTask.Core.History;

/// <summary>The orchestration was asked to end.</summary>
/// <param name="eventId">Its number.</param>
public sealed class ExecutionTerminatedEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.ExecutionTerminated;

    /// <summary>The output that was asked for, as text.</summary>
    public string? Input { get; init; }
}
