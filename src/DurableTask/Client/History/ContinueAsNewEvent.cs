namespace DurableTask.Core.History;

/// <summary>The orchestration started over.</summary>
/// <param name="eventId">Its number.</param>
public sealed class ContinueAsNewEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.ContinueAsNew;

    /// <summary>The input as text.</summary>
    public string? Input { get; init; }
}
