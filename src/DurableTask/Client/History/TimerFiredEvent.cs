namespace DurableTask.Core.History;

/// <summary>A timer fired.</summary>
/// <param name="eventId">Its number.</param>
public sealed class TimerFiredEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.TimerFired;

    /// <summary>The number of the event that made the timer.</summary>
    public int TimerId { get; init; }

    /// <summary>When the timer is due, in UTC.</summary>
    public DateTime FireAt { get; init; }
}
