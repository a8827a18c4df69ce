namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>An unfinished orchestration as its operator sees it. It is parked when there is a reason; unread messages
/// are those that no episode has consumed.</summary>
internal sealed record InstanceReport(
    string Hub,
    string Id,
    string Name,
    string? Version,
    string ExecutionId,
    string Status,
    DateTimeOffset Created,
    DateTimeOffset Updated,
    string? ParkedBecause,
    int HistoryEvents,
    long HistoryBytes,
    int UnreadMessages,
    IReadOnlyList<EventReport> EventsReceived,
    IReadOnlyList<WaitReport> WaitsFor);

/// <summary>Events of one name that came to this execution: a name that its orchestrator does not wait for shows
/// here.</summary>
internal sealed record EventReport(string Name, int Count, DateTimeOffset Last);

/// <summary>One thing that an orchestration waits for.</summary>
/// <param name="Kind">orchestrator, activity, timer, child, entity, lock, start, resume or event.</param>
/// <param name="Id">Task id, id of the child or of the entity.</param>
/// <param name="Name">Name of the orchestrator, activity, child or operation.</param>
/// <param name="State">running: a worker has it. queued: no worker has room. held: no connected worker takes it.
/// delayed: it came back, and its next time has not come. parked: it came back too often. open: it needs no
/// worker. possible: nothing tells whether it waits for this.</param>
/// <param name="Since">When the wait began.</param>
/// <param name="Due">When it ends by itself.</param>
/// <param name="Attempts">How often in a row it was handed to a worker.</param>
internal sealed record WaitReport(
    string Kind, string? Id, string? Name, string State, DateTimeOffset Since, DateTimeOffset? Due, int Attempts)
{
    /// <summary>The orchestration that holds the lock that this waits for.</summary>
    public string? HeldBy { get; init; }

    /// <summary>The missing thing, where the state alone does not say it.</summary>
    public string? Why { get; init; }
}

/// <summary>Work of one name that waits for workers; its state is queued or held, as that of a wait.</summary>
internal sealed record QueueReport(
    string Hub, string Kind, string Name, string Version, int Waiting, string State, string? Why);
