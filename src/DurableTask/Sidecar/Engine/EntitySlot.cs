using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>An entity in memory: its durable state, and state that ends with the process.</summary>
internal sealed class EntitySlot(long key, string hub, string id)
{
    public long Key { get; } = key;

    public string Hub { get; } = hub;

    public string Id { get; } = id;

    public EntityState State { get; } = new();

    /// <summary>Gets or sets a value indicating whether the entity waits for a worker.</summary>
    public bool IsQueued { get; set; }

    /// <summary>
    /// Gets or sets a value indicating whether the entity was removed; a new one with its id has another slot.
    /// </summary>
    public bool IsGone { get; set; }

    /// <summary>Gets or sets a value indicating whether a returned batch waits for its next try.</summary>
    public bool IsDelayed { get; set; }

    /// <summary>The number of times in a row that a batch was handed out without a result.</summary>
    public int Attempts { get; set; }

    /// <summary>Connections that returned the operations at the front of the queue.</summary>
    public WorkerSession[] Refusers { get; set; } = [];
}

/// <summary>A batch of operations that a worker has.</summary>
internal sealed record EntityWork(
    string Token, EntitySlot Slot, WorkerSession Session, IReadOnlyList<QueuedMessage> Messages)
{
    /// <summary>A timestamp, not a time of day, so that setting the clock does not end a lease.</summary>
    public long HandedOutAt { get; init; }
}
