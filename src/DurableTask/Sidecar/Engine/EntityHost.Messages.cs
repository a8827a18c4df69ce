using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;
using Workflows.DurableTask.Sidecar.Storage;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Keeps the queues of entities and grants their locks.</summary>
internal sealed partial class EntityHost
{
    public void Recover()
    {
        _lastEntity = Store.LastEntity();
        _lastMessage = Store.LastMessage();
        IReadOnlyList<RecoveredEntity> recovered = Store.LoadEntities();
        if (recovered.Count == 0)
        {
            return;
        }

        var slots = new List<EntitySlot>(recovered.Count);
        foreach (RecoveredEntity entity in recovered)
        {
            var slot = new EntitySlot(entity.Key, entity.Hub, entity.Id)
            {
                State =
                {
                    State = entity.Record.State,
                    Modified = entity.Record.Modified,
                    Holder = entity.Record.Holder,
                },
            };
            _entities[(slot.Hub, slot.Id)] = slot;
            slots.Add(slot);
            foreach (QueuedMessage item in entity.Messages)
            {
                slot.State.Add(item);
                ArmMessage(slot, item);
                if (item.IsLock)
                {
                    Hold(slot, item.Message.Caller);
                }
            }

            if (slot.State.Holder is { } holder)
            {
                Hold(slot, holder);
            }
        }

        foreach (EntitySlot slot in slots)
        {
            ReleaseOrphan(slot);
            Settle(slot);
        }

        EngineLog.RecoveredEntities(Logger, recovered.Count);
    }

    private void Hold(EntitySlot slot, EntityHolder holder) =>
        instances.FindRunning(slot.Hub, holder.InstanceId)?.Locks.Add(slot.Id);

    private EntitySlot FindOrAdd(string hub, string id)
    {
        if (!_entities.TryGetValue((hub, id), out EntitySlot? slot))
        {
            slot = new EntitySlot(++_lastEntity, hub, id) { State = { Modified = Now() } };
            _entities[(hub, id)] = slot;
            Save(slot);
        }

        return slot;
    }

    private void Save(EntitySlot slot) => Write(new StoreOperation.PutEntity(
        slot.Key,
        slot.Hub,
        slot.Id,
        new EntityRecord { State = slot.State.State, Modified = slot.State.Modified, Holder = slot.State.Holder }));

    private void Add(EntitySlot slot, EntityMessage message)
    {
        var item = new QueuedMessage(++_lastMessage, message);
        slot.State.Add(item);
        Write(new StoreOperation.PutMessage(item.Sequence, slot.Key, message));
        ArmMessage(slot, item);
    }

    private void Drop(EntitySlot slot, QueuedMessage item)
    {
        slot.State.Remove(item);
        Write(new StoreOperation.DeleteMessage(item.Sequence));
    }

    /// <summary>Queues an operation; one that is due later waits outside the queue.</summary>
    public void Send(string hub, string target, EntityMessage message)
    {
        string? id = EntityId.Normalize(target);
        string? refusal = id is null ? "its id is not like '@name@key'"
            : id.Length > EntityId.MostCharacters ? $"its id is longer than {EntityId.MostCharacters} characters"
            : message.CalculateSize() > Options.MaxPayloadBytes + FrameBytes ? "its input is too large"
            : null;
        if (refusal is not null)
        {
            EngineLog.EntityMessageDropped(Logger, target, refusal);
            TaskFailureDetails failure = Messages.Failure(
                "System.ArgumentException", $"Entity '{target}' cannot be called: {refusal}.");
            Reply(hub, message, EntityAnswers.Failed(message, failure, Now()));
            return;
        }

        EntitySlot slot = FindOrAdd(hub, id!);
        if (message.Due is not null && message.Due <= Now())
        {
            message.Due = null;
        }

        // Decided now, since the lock may be released before the call runs.
        message.Front = message.Caller is { } caller && slot.State.IsHeldBy(caller.InstanceId, caller.ExecutionId);
        Add(slot, message);
        Settle(slot);
    }

    private void ArmMessage(EntitySlot slot, QueuedMessage item)
    {
        if (item.Message.Due is { } due)
        {
            timers.At(due.ToDateTimeOffset(), () =>
            {
                if (!slot.IsGone && slot.State.IsScheduled(item))
                {
                    Drop(slot, item);
                    EntityMessage message = item.Message.Clone();
                    message.Due = null;
                    Add(slot, message);
                    Settle(slot);
                }
            });
        }
    }

    /// <summary>Answers a caller, if it still is the execution that sent the request.</summary>
    private void Reply(string hub, EntityMessage message, HistoryEvent answer)
    {
        if (message.Caller is { } caller
            && instances.FindRunning(hub, caller.InstanceId) is { } slot
            && slot.State.ExecutionId == caller.ExecutionId)
        {
            instances.Deliver(hub, caller.InstanceId, answer);
        }
    }

    /// <summary>After any change: grants a lock, offers operations to workers, or removes an empty entity.</summary>
    private void Settle(EntitySlot slot)
    {
        if (slot.IsGone)
        {
            return;
        }

        if (slot.State.LockAtHead() is { } request)
        {
            TryGrant(slot.Hub, request.Message);
        }

        if (slot.State.IsEmpty)
        {
            slot.IsGone = true;
            _entities.Remove((slot.Hub, slot.Id));
            Write(new StoreOperation.DeleteEntity(slot.Key));
        }
        else
        {
            AfterCommit(() => QueueEntity(slot));
        }
    }

    /// <summary>
    /// Queues a request in all queues of its set at once, so any two requests have the same order everywhere and no
    /// deadlock can occur.
    /// </summary>
    public void RequestLocks(InstanceSlot source, EntityMessage request)
    {
        foreach (string id in request.LockSet)
        {
            source.Locks.Add(id);
            Add(FindOrAdd(source.State.Hub, id), request);
        }

        TryGrant(source.State.Hub, request);
    }

    private void TryGrant(string hub, EntityMessage request)
    {
        var granted = new List<(EntitySlot Slot, QueuedMessage Item)>();
        foreach (string id in request.LockSet)
        {
            EntitySlot slot = _entities[(hub, id)];
            if (slot.State.LockAtHead() is not { } head || !head.Message.Caller.Equals(request.Caller))
            {
                return;
            }

            granted.Add((slot, head));
        }

        foreach ((EntitySlot slot, QueuedMessage item) in granted)
        {
            slot.State.Holder = request.Caller.Clone();
            Drop(slot, item);
            Save(slot);
        }

        Reply(hub, request, EntityAnswers.Granted(request, Now()));
    }

    public void Unlock(InstanceSlot source, string executionId, string target, string sectionId)
    {
        if (EntityId.Normalize(target) is { } id
            && _entities.TryGetValue((source.State.Hub, id), out EntitySlot? slot))
        {
            Unlock(slot, source.State.Id, executionId, sectionId);
            if (!Wants(slot, source.State.Id, executionId))
            {
                source.Locks.Remove(id);
            }
        }
    }

    /// <summary>Ends the locks of an execution that has ended, and its waits for locks.</summary>
    public void ReleaseLocks(InstanceSlot source, string executionId)
    {
        foreach (string id in source.Locks.ToList())
        {
            // It may hold the lock of one section and wait for another, which no correct orchestrator does.
            while (_entities.TryGetValue((source.State.Hub, id), out EntitySlot? slot)
                && Wants(slot, source.State.Id, executionId))
            {
                Unlock(slot, source.State.Id, executionId, sectionId: null);
            }
        }

        source.Locks.Clear();
    }

    private static bool Wants(EntitySlot slot, string instanceId, string executionId) =>
        slot.State.IsHeldBy(instanceId, executionId)
        || slot.State.WaitingLock(instanceId, executionId, sectionId: null) is not null;

    private void Unlock(EntitySlot slot, string instanceId, string executionId, string? sectionId)
    {
        if (slot.State.IsHeldBy(instanceId, executionId)
            && (sectionId is null || EntityState.IsSame(slot.State.Holder!.SectionId, sectionId)))
        {
            slot.State.Holder = null;
            slot.State.Modified = Now();
            Save(slot);
        }
        else if (slot.State.WaitingLock(instanceId, executionId, sectionId) is { } waiting)
        {
            // The rest of the request's lock set is not needed either: no execution is left to receive the grant.
            foreach (string id in waiting.Message.LockSet.Where(id => id != slot.Id))
            {
                EntitySlot other = _entities[(slot.Hub, id)];
                if (other.State.WaitingLock(instanceId, executionId, waiting.Message.Caller.SectionId) is { } item)
                {
                    Drop(other, item);
                    Settle(other);
                }
            }

            Drop(slot, waiting);
        }

        Settle(slot);
    }

    private bool ReleaseOrphan(EntitySlot slot)
    {
        var callers = slot.State.Queue.Where(item => item.IsLock).Select(item => item.Message.Caller).ToList();
        bool isOrphaned = slot.State.Holder is { } holder && !IsAlive(holder);
        if (isOrphaned)
        {
            EngineLog.OrphanedLock(Logger, slot.Id);
            slot.State.Holder = null;
            slot.State.Modified = Now();
            Save(slot);
        }

        foreach (EntityHolder caller in callers.Where(caller => !IsAlive(caller)))
        {
            Unlock(slot, caller.InstanceId, caller.ExecutionId, caller.SectionId);
        }

        if (isOrphaned)
        {
            Settle(slot);
        }

        return isOrphaned;

        bool IsAlive(EntityHolder who) =>
            instances.FindRunning(slot.Hub, who.InstanceId) is { } found && found.State.ExecutionId == who.ExecutionId;
    }
}
