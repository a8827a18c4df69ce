namespace DurableTask.Core.History;

/// <summary>The orchestration was rewound.</summary>
/// <param name="eventId">Its number.</param>
public sealed class ExecutionRewoundEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.ExecutionRewound;

    /// <summary>Why.</summary>
    public string? Reason { get; init; }
}
