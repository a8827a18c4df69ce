namespace DurableTask.Core.History;

/// <summary>An event was sent, or a message to an entity.</summary>
/// <param name="eventId">Its number.</param>
public sealed class EventSentEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.EventSent;

    /// <summary>To whom.</summary>
    public string InstanceId { get; init; } = string.Empty;

    /// <summary>The event; <c>op</c> or <c>release</c> for entities.</summary>
    public string Name { get; init; } = string.Empty;

    /// <summary>The payload as text.</summary>
    public string? Input { get; init; }
}
