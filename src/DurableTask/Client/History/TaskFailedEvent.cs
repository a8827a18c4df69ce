namespace DurableTask.Core.History;

/// <summary>An activity failed.</summary>
/// <param name="eventId">Its number.</param>
public sealed class TaskFailedEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.TaskFailed;

    /// <summary>The number of the event that made the call.</summary>
    public int TaskScheduledId { get; init; }

    /// <summary>How it failed.</summary>
    public FailureDetails? FailureDetails { get; init; }
}
