namespace Workflows.DurableTask.Sidecar.Engine;

internal enum WorkKind
{
    Episode,
    Activity,
    Entity,
}

/// <summary>Work of one kind, name and version, waiting for a worker that takes it; first come, first served.</summary>
internal sealed class Route(string hub, WorkKind kind, string name, string version)
{
    public string Hub { get; } = hub;

    public WorkKind Kind { get; } = kind;

    public string Name { get; } = name;

    public string Version { get; } = version;

    /// <summary>Waiting episodes or activities; empty for entities.</summary>
    public Queue<ReadyItem> Items { get; } = new();

    /// <summary>Waiting entities; empty for the other kinds.</summary>
    public Queue<EntitySlot> Entities { get; } = new();

    public bool HasItems => Items.Count + Entities.Count > 0;

    /// <summary>Whether the route is among those with waiting items.</summary>
    public bool IsActive { get; set; }
}

/// <summary>
/// An item that waits, and the connections that handed it back. It is checked again when it is handed out: its instance
/// may have moved on.
/// </summary>
internal readonly record struct ReadyItem(
    InstanceSlot Slot, string ExecutionId, int? TaskId, int Attempt, WorkerSession[] Refusers);
