namespace DurableTask.Core.History;

/// <summary>An activity succeeded.</summary>
/// <param name="eventId">Its number.</param>
public sealed class TaskCompletedEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.TaskCompleted;

    /// <summary>The number of the event that made the call.</summary>
    public int TaskScheduledId { get; init; }

    /// <summary>The result as text.</summary>
    public string? Result { get; init; }
}
