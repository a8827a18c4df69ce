namespace DurableTask.Core.History;

/// <summary>Something that happened to an orchestration. The subclasses say what.</summary>
/// <param name="eventId">Its number, where others refer to it; else -1.</param>
public abstract class HistoryEvent(int eventId)
{
    /// <summary>Its number, where others refer to it; else -1.</summary>
    public int EventId { get; } = eventId;

    /// <summary>When it happened, in UTC.</summary>
    public DateTime Timestamp { get; set; }

    /// <summary>What it is.</summary>
    public abstract EventType EventType { get; }
}
