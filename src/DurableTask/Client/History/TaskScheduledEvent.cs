namespace DurableTask.Core.History;

/// <summary>An activity was called.</summary>
/// <param name="eventId">Its number.</param>
public sealed class TaskScheduledEvent(int eventId) : HistoryEvent(eventId)
{
    /// <inheritdoc/>
    public override EventType EventType => EventType.TaskScheduled;

    /// <summary>The activity.</summary>
    public string Name { get; init; } = string.Empty;

    /// <summary>The version.</summary>
    public string? Version { get; init; }

    /// <summary>The input as text.</summary>
    public string? Input { get; init; }

    /// <summary>The tags.</summary>
    public IDictionary<string, string>? Tags { get; init; }
}
