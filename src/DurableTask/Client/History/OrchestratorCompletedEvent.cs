namespace DurableTask.Core.History;

/// <summary>An episode ended.</summary>
/// <param name="eventId">Its number.</param>
public sealed class OrchestratorCompletedEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.OrchestratorCompleted;
}
