namespace Workflows.DurableTask.Sidecar.Storage;

/// <summary>Changes that are committed together, and the callbacks for their commit.</summary>
internal sealed class StoreBatch
{
    public List<StoreOperation> Operations { get; } = [];

    /// <summary>Called after the commit, in order, on the writer's thread: each must be short.</summary>
    public List<Action> Committed { get; } = [];

    /// <summary>Called instead if the commit failed.</summary>
    public List<Action<Exception>> Failed { get; } = [];

    public bool IsEmpty => Operations.Count == 0 && Committed.Count == 0;
}
