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
    IReadOnlyList<WaitReport> WaitsFor);

/// <summary>One thing that an orchestration waits for.</summary>
/// <param name="Kind">orchestrator, activity, timer, child, lock, start or event.</param>
/// <param name="Id">Task id, id of the child or of the entity.</param>
/// <param name="Name">Name of the orchestrator, activity or child.</param>
/// <param name="State">running: a worker has it. queued: no worker has room. held: no connected worker takes it.
/// parked: it came back too often. open: it needs no worker.</param>
/// <param name="Since">When the wait began.</param>
/// <param name="Due">When it ends by itself.</param>
/// <param name="Attempts">How often in a row it was handed to a worker.</param>
internal sealed record WaitReport(
    string Kind, string? Id, string? Name, string State, DateTimeOffset Since, DateTimeOffset? Due, int Attempts);

/// <summary>Work of one name that waits for workers; its state is queued or held, as that of a wait.</summary>
internal sealed record QueueReport(string Hub, string Kind, string Name, string Version, int Waiting, string State);
