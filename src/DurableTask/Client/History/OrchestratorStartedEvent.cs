namespace DurableTask.Core.History;

/// <summary>An episode began.</summary>
/// <param name="eventId">Its number.</param>
public sealed class OrchestratorStartedEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.OrchestratorStarted;
}
