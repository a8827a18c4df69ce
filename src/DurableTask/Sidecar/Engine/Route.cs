namespace Workflows.DurableTask.Sidecar.Engine;

internal enum WorkKind
{
    Episode,
    Activity,
    Entity,
}

/// <summary>The queue of work of one kind, name and version that waits for a worker; first come, first
/// served.</summary>
internal sealed class Route(string hub, WorkKind kind, string name, string version)
{
    // Items that some connections returned must not block items that those connections may take.
    private readonly List<ReadyQueue> _items = [new([])];
    private long _lastNumber;

    public string Hub { get; } = hub;

    public WorkKind Kind { get; } = kind;

    public string Name { get; } = name;

    public string Version { get; } = version;

    /// <summary>Waiting entities; empty for the other kinds of work.</summary>
    public Queue<EntitySlot> Entities { get; } = new();

    public int Count => Entities.Count + _items.Sum(queue => queue.Items.Count);

    public bool HasItems => Entities.Count > 0 || _items.Exists(queue => queue.Items.Count > 0);

    /// <summary>Returns the queues with waiting episodes or activities, the one with the oldest item first.</summary>
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
/// A waiting item, and the connections that returned it. It is checked again when it is handed out, since its instance
/// may have changed.
/// </summary>
internal readonly record struct ReadyItem(
    InstanceSlot Slot, string ExecutionId, int? TaskId, int Attempt, WorkerSession[] Refusers)
{
    /// <summary>The item's number in its route.</summary>
    public long Number { get; init; }
}

/// <summary>The items of a route that the same connections returned; most often none did.</summary>
internal sealed class ReadyQueue(WorkerSession[] refusers)
{
    public WorkerSession[] Refusers { get; } = refusers;

    public Queue<ReadyItem> Items { get; } = new();

    public bool IsOf(WorkerSession[] others) =>
        others.Length == Refusers.Length && others.All(Refusers.Contains);
}
