namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>
/// What a worker still has of an instance's history: the events of the last episode that it completed.
/// </summary>
/// <param name="Session">The connection.</param>
/// <param name="Token">The token of that episode; the worker files the events under it.</param>
/// <param name="ExecutionId">The execution that the events are of.</param>
/// <param name="Count">How many events of the history they are.</param>
/// <param name="Episode">The number of that episode within the connection.</param>
internal sealed record KeptHistory(
    WorkerSession Session, string Token, string ExecutionId, int Count, long Episode);
