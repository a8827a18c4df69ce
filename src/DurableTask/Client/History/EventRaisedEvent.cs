namespace DurableTask.Core.History;

/// <summary>An event came, or the answer of an entity.</summary>
/// <param name="eventId">Its number.</param>
public sealed class EventRaisedEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.EventRaised;

    /// <summary>The event; the id of the request for entities.</summary>
    public string Name { get; init; } = string.Empty;

    /// <summary>The payload as text.</summary>
    public string? Input { get; init; }
}
