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
    // What waits for another worker than those that handed it back must not hold up what any of them may have.
    private readonly List<ReadyQueue> _items = [new([])];
    private long _lastNumber;

    public string Hub { get; } = hub;

    public WorkKind Kind { get; } = kind;

    public string Name { get; } = name;

    public string Version { get; } = version;

    /// <summary>Waiting entities; empty for the other kinds.</summary>
    public Queue<EntitySlot> Entities { get; } = new();

    public int Count => Entities.Count + _items.Sum(queue => queue.Items.Count);

    public bool HasItems => Entities.Count > 0 || _items.Exists(queue => queue.Items.Count > 0);

    /// <summary>The queues with waiting episodes or activities, the one with the oldest first.</summary>
    public IEnumerable<ReadyQueue> InTurn() => _items.Count == 1 && _items[0].Items.Count > 0
        ? _items
        : _items.Where(queue => queue.Items.Count > 0).OrderBy(queue => queue.Items.Peek().Number);

    public void Add(ReadyItem item)
    {
        ReadyQueue? queue = _items.Find(queue => queue.IsOf(item.Refusers));
        if (queue is null)
        {
            _items.Add(queue = new ReadyQueue(item.Refusers));
        }

        queue.Items.Enqueue(item with { Number = ++_lastNumber });
    }

    public ReadyItem Take(ReadyQueue queue)
    {
        ReadyItem item = queue.Items.Dequeue();
        if (queue.Items.Count == 0 && queue.Refusers.Length > 0)
        {
            _items.Remove(queue);
        }

        return item;
    }

    /// <summary>Gets or sets a value indicating whether the route is among those with waiting items.</summary>
    public bool IsActive { get; set; }
}

/// <summary>
/// An item that waits, and the connections that handed it back. It is checked again when it is handed out: its instance
/// may have moved on.
/// </summary>
internal readonly record struct ReadyItem(
    InstanceSlot Slot, string ExecutionId, int? TaskId, int Attempt, WorkerSession[] Refusers)
{
    /// <summary>The item's place in its route.</summary>
    public long Number { get; init; }
}

/// <summary>The items of a route that the same connections handed back; most often none did.</summary>
internal sealed class ReadyQueue(WorkerSession[] refusers)
{
    public WorkerSession[] Refusers { get; } = refusers;

    public Queue<ReadyItem> Items { get; } = new();

    public bool IsOf(WorkerSession[] others) =>
        others.Length == Refusers.Length && others.All(Refusers.Contains);
}
