namespace DurableTask.Core.History;

/// <summary>Something of the engine's own.</summary>
/// <param name="eventId">Its number.</param>
public sealed class GenericEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.GenericEvent;

    /// <summary>Its text.</summary>
    public string? Data { get; init; }
}
