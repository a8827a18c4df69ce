namespace DurableTask.Core.History;

/// <summary>The orchestration ended.</summary>
/// <param name="eventId">Its number.</param>
public sealed class ExecutionCompletedEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.ExecutionCompleted;

    /// <summary>How it ended.</summary>
    public OrchestrationStatus OrchestrationStatus { get; init; }

    /// <summary>The result as text.</summary>
    public string? Result { get; init; }

    /// <summary>How it failed.</summary>
    public FailureDetails? FailureDetails { get; init; }
}
