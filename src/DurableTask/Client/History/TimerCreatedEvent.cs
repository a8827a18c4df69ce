namespace DurableTask.Core.History;

/// <summary>A timer was made.</summary>
/// <param name="eventId">Its number.</param>
public sealed class TimerCreatedEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.TimerCreated;

    /// <summary>When the timer is due, in UTC.</summary>
    public DateTime FireAt { get; init; }
}
