namespace Workflows.DurableTask.Sidecar.Storage;

/// <summary>Changes that are committed together, and what happens once they are durable.</summary>
internal sealed class StoreBatch
{
    public List<StoreOperation> Operations { get; } = [];

    /// <summary>Run after the commit, in order, on the writer's thread: each must be short.</summary>
    public List<Action> Committed { get; } = [];

    /// <summary>Run instead when the commit failed.</summary>
    public List<Action<Exception>> Failed { get; } = [];

    public bool IsEmpty => Operations.Count == 0 && Committed.Count == 0;
}
