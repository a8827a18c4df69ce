namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Work of one kind, name and version, waiting for a worker that takes it; first come, first served.</summary>
internal sealed class Route(string hub, bool isActivity, string name, string version)
{
    public string Hub { get; } = hub;

    public bool IsActivity { get; } = isActivity;

    public string Name { get; } = name;

    public string Version { get; } = version;

    public Queue<ReadyItem> Items { get; } = new();

    /// <summary>Whether the route is among those with waiting items.</summary>
    public bool IsActive { get; set; }
}

/// <summary>An item that waits. It is checked again when it is handed out: its instance may have moved on.</summary>
internal readonly record struct ReadyItem(InstanceSlot Slot, string ExecutionId, int? TaskId, int Attempt);
