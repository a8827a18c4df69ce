namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>An unfinished orchestration as its operator sees it. It is parked if there is a reason; unread messages are
/// those that no episode has consumed.</summary>
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

/// <summary>Events of one name that this execution received, which shows names that its orchestrator does not wait
/// for.</summary>
internal sealed record EventReport(string Name, int Count, DateTimeOffset Last);

/// <summary>One wait of an orchestration.</summary>
/// <param name="Kind">orchestrator, activity, timer, child, entity, lock, start, resume or event.</param>
/// <param name="Id">Task id, id of the child or of the entity.</param>
/// <param name="Name">Name of the orchestrator, activity, child or operation.</param>
/// <param name="State">running: a worker has it. queued: no worker has room. held: no connected worker takes it.
/// delayed: it was returned, and waits for its next try. parked: it was returned too often. open: it needs no worker.
/// possible: it is unknown whether the orchestration waits for this.</param>
/// <param name="Since">Beginning of the wait.</param>
/// <param name="Due">The time at which it ends by itself.</param>
/// <param name="Attempts">The number of times in a row that it was handed to a worker.</param>
internal sealed record WaitReport(
    string Kind, string? Id, string? Name, string State, DateTimeOffset Since, DateTimeOffset? Due, int Attempts)
{
    /// <summary>The orchestration that holds the lock that this waits for.</summary>
    public string? HeldBy { get; init; }

    /// <summary>The missing thing, if the state alone does not show it.</summary>
    public string? Why { get; init; }
}

/// <summary>Work of one name that waits for workers; its state is queued or held, as for a wait.</summary>
internal sealed record QueueReport(
    string Hub, string Kind, string Name, string Version, int Waiting, string State, string? Why);
