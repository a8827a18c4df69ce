using Google.Protobuf.WellKnownTypes;

namespace Workflows.DurableTask.Sidecar.Core;

/// <summary>An item of an entity's queue and its place in the order of all items of all entities.</summary>
internal sealed record QueuedMessage(long Sequence, EntityMessage Message)
{
    public bool IsLock => Message.LockSet.Count > 0;
}

/// <summary>
/// One entity: its state, its queue and the holder of its lock. Operations run one after another in the order of the
/// queue; calls of the holder run first, and no others run while the lock is held. No I/O, no clock.
/// </summary>
internal sealed class EntityState
{
    private readonly SortedDictionary<long, QueuedMessage> _queue = [];
    private readonly SortedDictionary<long, QueuedMessage> _scheduled = [];
    private int _fronts;

    public string? State { get; set; }

    public Timestamp Modified { get; set; } = new();

    public EntityHolder? Holder { get; set; }

    /// <summary>Gets or sets a value indicating whether a worker has a batch of this entity's operations.</summary>
    public bool IsRunning { get; set; }

    public IReadOnlyCollection<QueuedMessage> Queue => _queue.Values;

    public IReadOnlyCollection<QueuedMessage> Scheduled => _scheduled.Values;

    /// <summary>Gets a value indicating whether there is nothing left to store.</summary>
    public bool IsEmpty =>
        State is null && Holder is null && !IsRunning && _queue.Count == 0 && _scheduled.Count == 0;

    /// <summary>Adds an item at the end of the queue, or to the items that wait for their time.</summary>
    public void Add(QueuedMessage item)
    {
        if (item.Message.Due is not null)
        {
            _scheduled.Add(item.Sequence, item);
            return;
        }

        _queue.Add(item.Sequence, item);
        _fronts += item.Message.Front ? 1 : 0;
    }

    public void Remove(QueuedMessage item)
    {
        if (_queue.Remove(item.Sequence))
        {
            _fronts -= item.Message.Front ? 1 : 0;
        }
        else
        {
            _scheduled.Remove(item.Sequence);
        }
    }

    public bool IsScheduled(QueuedMessage item) => _scheduled.ContainsKey(item.Sequence);

    public bool IsHeldBy(string instanceId, string executionId) =>
        Holder is not null && Holder.InstanceId == instanceId && Holder.ExecutionId == executionId;

    /// <summary>Returns the operations to run next, in order; none if the entity is busy, locked or idle.</summary>
    public IReadOnlyList<QueuedMessage> NextBatch(int mostItems, int mostBytes)
    {
        var batch = new List<QueuedMessage>();
        bool frontOnly = Holder is not null || _fronts > 0;
        if (IsRunning || (frontOnly && _fronts == 0))
        {
            return batch;
        }

        int bytes = 0;
        foreach (QueuedMessage item in _queue.Values)
        {
            if (frontOnly && !item.Message.Front)
            {
                continue;
            }

            bytes += item.Message.CalculateSize();
            if (item.IsLock || batch.Count == mostItems || (batch.Count > 0 && bytes > mostBytes))
            {
                break;
            }

            batch.Add(item);
        }

        return batch;
    }

    /// <summary>Returns the request for a lock that this entity could grant now; others of its set may not be
    /// ready.</summary>
    public QueuedMessage? LockAtHead() =>
        !IsRunning && Holder is null && _fronts == 0 && _queue.Values.FirstOrDefault() is { IsLock: true } head
            ? head
            : null;

    public QueuedMessage? WaitingLock(string instanceId, string executionId, string? sectionId) =>
        _queue.Values.FirstOrDefault(item => item.IsLock
            && item.Message.Caller.InstanceId == instanceId
            && item.Message.Caller.ExecutionId == executionId
            && (sectionId is null || IsSame(item.Message.Caller.SectionId, sectionId)));

    public static bool IsSame(string section, string other) =>
        string.Equals(section, other, StringComparison.OrdinalIgnoreCase);
}
