using Proto = Workflows.DurableTask.Protocol;

namespace Microsoft.DurableTask.Worker.Grpc;

/// <summary>
/// The histories of the episodes that ran last, so that the engine sends only what came behind them. What is not here
/// any more is read from the engine: a miss costs a call, never a wrong replay, as an entry is found by the token of
/// one hand-out only.
/// </summary>
internal sealed class HistoryCache(int capacity, long capacityBytes)
{
    private readonly object _lock = new();
    private readonly Dictionary<string, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _oldestFirst = new();
    private long _bytes;

    /// <summary>Removes and returns what is kept of an instance, if it is of that episode.</summary>
    public KeptEvents? Take(string instanceId, string token)
    {
        lock (_lock)
        {
            return Remove(instanceId) is { } entry && entry.Token == token ? entry.Kept : null;
        }
    }

    /// <summary>Keeps the events of an episode, in place of what there was of the instance.</summary>
    public void Put(string instanceId, string token, KeptEvents kept)
    {
        lock (_lock)
        {
            Remove(instanceId);
            _entries[instanceId] = _oldestFirst.AddLast(new Entry(instanceId, token, kept));
            _bytes += kept.Bytes;
            while (_entries.Count > capacity || _bytes > capacityBytes)
            {
                Remove(_oldestFirst.First!.Value.InstanceId);
            }
        }
    }

    private Entry? Remove(string instanceId)
    {
        if (!_entries.Remove(instanceId, out LinkedListNode<Entry>? node))
        {
            return null;
        }

        _oldestFirst.Remove(node);
        _bytes -= node.Value.Kept.Bytes;
        return node.Value;
    }

    private sealed record Entry(string InstanceId, string Token, KeptEvents Kept);
}

/// <summary>A history as the engine has it, and its size on the wire.</summary>
internal sealed class KeptEvents
{
    public List<Proto.HistoryEvent> Events { get; } = [];

    public long Bytes { get; private set; }

    public void Add(IEnumerable<Proto.HistoryEvent> events)
    {
        foreach (Proto.HistoryEvent item in events)
        {
            Events.Add(item);
            Bytes += item.CalculateSize();
        }
    }
}
