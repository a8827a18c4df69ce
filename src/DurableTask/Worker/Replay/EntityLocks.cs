using Microsoft.DurableTask.Entities;

namespace Microsoft.DurableTask.Worker.Replay;

/// <summary>The critical section of one orchestration: at most one, asked for, then held, then left.</summary>
internal sealed class EntityLocks(Action<EntityInstanceId, Guid> sendUnlock)
{
    private readonly HashSet<EntityInstanceId> _free = [];
    private EntityInstanceId[] _set = [];
    private Guid _section;

    public bool IsHeld { get; private set; }

    /// <summary>What the engine may hold for this orchestration: also what is only asked for.</summary>
    public IEnumerable<(EntityInstanceId Entity, Guid Section)> Claimed => _set.Select(entity => (entity, _section));

    /// <summary>The locked entities that no open call uses.</summary>
    public IReadOnlyList<EntityInstanceId> Available => [.. _set.Where(_free.Contains)];

    public void Begin(EntityInstanceId[] set, Guid section)
    {
        _set = set;
        _section = section;
    }

    public void Grant()
    {
        IsHeld = true;
        _free.UnionWith(_set);
    }

    /// <summary>Releases what is held; of no effect for another section than the present one.</summary>
    public void Exit(Guid? section = null)
    {
        if (!IsHeld || (section is not null && section != _section))
        {
            return;
        }

        IsHeld = false;
        _free.Clear();
        EntityInstanceId[] released = _set;
        _set = [];
        foreach (EntityInstanceId entity in released)
        {
            sendUnlock(entity, _section);
        }
    }

    public void BeginCall(EntityInstanceId entity)
    {
        if (!IsHeld || _free.Remove(entity))
        {
            return;
        }

        throw new InvalidOperationException(_set.Contains(entity)
            ? $"Entity '{entity}' is locked by this critical section and has an open call; await it before the next."
            : $"Entity '{entity}' is not locked by this critical section; lock it, too, or call it outside.");
    }

    public void EndCall(EntityInstanceId entity)
    {
        if (IsHeld && _set.Contains(entity))
        {
            _free.Add(entity);
        }
    }

    public void CheckSignal(EntityInstanceId entity)
    {
        if (IsHeld && _set.Contains(entity))
        {
            throw new InvalidOperationException(
                $"Entity '{entity}' is locked by this critical section and cannot be signalled there; call it.");
        }
    }

    public void CheckEnter()
    {
        if (_set.Length > 0)
        {
            throw new InvalidOperationException(
                "The orchestration is in a critical section, or waits for one; leave it before entering another.");
        }
    }

    public void CheckSubOrchestration(TaskName name)
    {
        if (IsHeld)
        {
            throw new InvalidOperationException(
                $"Sub-orchestration '{name}' cannot be called in a critical section; leave the section first.");
        }
    }
}
