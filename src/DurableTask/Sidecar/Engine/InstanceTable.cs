using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;
using Workflows.DurableTask.Sidecar.Storage;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Owns the unfinished orchestrations: adds, changes and removes them.</summary>
internal sealed partial class InstanceTable(
    EngineLoop loop, TaskHubSidecarOptions options, TimerQueue timers, WorkDispatcher dispatcher)
    : EnginePart(loop, options)
{
    private readonly Dictionary<(string Hub, string Id), InstanceSlot> _live = [];
    private readonly HashSet<InstanceSlot> _parked = [];
    private EntityHost _entities = null!;
    private long _lastKey;

    /// <summary>All unfinished orchestrations, and those whose end is still being committed.</summary>
    public IEnumerable<InstanceSlot> All => _live.Values;

    /// <summary>The number of orchestrations.</summary>
    public int Count => _live.Count;

    /// <summary>The number of parked orchestrations.</summary>
    public int ParkedCount => _parked.Count;

    /// <summary>Sets the owner of the entities that orchestrations call; the two refer to each other.</summary>
    public void Bind(EntityHost entities) => _entities = entities;

    /// <summary>Returns an instance in memory, also while its end is being committed.</summary>
    public InstanceSlot? Find(string hub, string id) => _live.GetValueOrDefault((hub, id));

    /// <summary>Returns an unfinished instance; null for an unknown or ended one.</summary>
    public InstanceSlot? FindRunning(string hub, string id) =>
        _live.TryGetValue((hub, id), out InstanceSlot? slot) && !slot.State.IsTerminal ? slot : null;

    public void Create(string hub, string id, CreatedRecord created)
    {
        var state = new InstanceState(hub, id);
        var slot = new InstanceSlot(++_lastKey, state, 0);
        var record = new LogRecord { Created = created };
        state.Apply(record);
        _live[(hub, id)] = slot;
        Write(new StoreOperation.Insert(
            slot.Key,
            hub,
            id,
            state.Started.ParentInstance?.OrchestrationInstance?.InstanceId,
            state.Created.ToDateTimeOffset().UtcTicks,
            state.Snapshot(withData: true)));
        Write(new StoreOperation.Append(slot.Key, slot.NextSequence++, record));
        EngineLog.Created(Logger, id, state.Started.Name);
        dispatcher.QueueEpisode(slot, attempt: 0);
    }

    public CreatedRecord NewExecution(string id, ExecutionStartedEvent started, Timestamp? startAt)
    {
        string executionId = dispatcher.NewToken();
        Timestamp now = Now();
        started.OrchestrationInstance = new() { InstanceId = id, ExecutionId = executionId };
        bool isLater = startAt is not null && startAt > now;
        started.ScheduledStartTimestamp = isLater ? startAt : null;
        return new CreatedRecord
        {
            ExecutionId = executionId,
            Created = now,
            Started = Messages.Started(started, now),
            StartAt = isLater ? startAt : null,
        };
    }

    /// <summary>Adds a record to an instance and handles its new status.</summary>
    public void Append(InstanceSlot slot, LogRecord record)
    {
        InstanceState state = slot.State;
        OrchestrationStatus before = state.VisibleStatus;
        string? customBefore = state.CustomStatus;
        if (record.KindCase == LogRecord.KindOneofCase.Created)
        {
            Forget(slot);
            slot.Encoded = null;
            Write(new StoreOperation.ClearLog(slot.Key));
        }

        state.Apply(record);
        Write(new StoreOperation.Append(slot.Key, slot.NextSequence++, record));
        _ = state.Parked is null ? _parked.Remove(slot) : _parked.Add(slot);
        bool hasNewData = customBefore != state.CustomStatus || state.IsTerminal;
        if (before != state.VisibleStatus || hasNewData)
        {
            Write(new StoreOperation.Update(
                slot.Key,
                state.VisibleStatus,
                state.Completed?.ToDateTimeOffset().UtcTicks,
                hasNewData ? state.Snapshot(withData: true) : null));
        }

        if (before != state.VisibleStatus)
        {
            Release(slot);
        }

        if (state.IsTerminal)
        {
            EngineLog.Ended(Logger, state.Id, state.Started.Name, state.Status.ToString());
            Store.Instruments.InstanceEnded(state.Status.ToString());
            Forget(slot);
            AfterCommit(() => Evict(slot));
        }
    }

    public void Evict(InstanceSlot slot)
    {
        if (slot.State.IsTerminal
            && _live.TryGetValue((slot.State.Hub, slot.State.Id), out InstanceSlot? current)
            && current == slot)
        {
            _live.Remove((slot.State.Hub, slot.State.Id));
        }
    }

    /// <summary>Drops the pending work of this execution: results of workers are no longer wanted.</summary>
    private static void Forget(InstanceSlot slot)
    {
        slot.Episode?.IsStale = true;
        slot.Episode = null;
        slot.FailedEpisodes = 0;
        foreach (Work work in slot.Activities.Values)
        {
            work.IsStale = true;
        }

        slot.Activities.Clear();
    }

    /// <summary>Answers the waiters whose status has been reached.</summary>
    private void Release(InstanceSlot slot)
    {
        for (int index = slot.Waiters.Count - 1; index >= 0; index--)
        {
            Waiter waiter = slot.Waiters[index];
            if (waiter.ForCompletion ? slot.State.IsTerminal : slot.State.Status != OrchestrationStatus.Pending)
            {
                slot.Waiters.RemoveAt(index);
                Answer(waiter.Result, Found(slot.State, waiter.WithData));
            }
        }
    }

    /// <summary>Puts a message into an instance's inbox; an unknown or ended instance drops it.</summary>
    public void Deliver(string hub, string id, HistoryEvent message)
    {
        if (FindRunning(hub, id) is not { } slot)
        {
            return;
        }

        if (message.ExecutionTerminated is { } terminated && slot.State.IsPending && slot.Episode is null)
        {
            // It has never run and may never run, so it is ended without a worker.
            Apply(slot, Episode.TerminatePending(slot.State, terminated.Input, Now()));
            return;
        }

        Append(slot, new LogRecord { Message = message });
        if (message.ExecutionTerminated is not null && slot.State.Parked is not null)
        {
            // It is parked, so it is ended without a worker.
            slot.Episode?.IsStale = true;
            slot.Episode = null;
            Apply(slot, Episode.TerminatePending(slot.State, message.ExecutionTerminated.Input, Now()));
            return;
        }

        dispatcher.QueueEpisode(slot, attempt: 0);
    }

    /// <summary>Removes an ended instance with this id, if there is one.</summary>
    public void Remove(string hub, string id)
    {
        if (_live.Remove((hub, id), out InstanceSlot? slot))
        {
            slot.IsGone = true;
            Forget(slot);
            Write(new StoreOperation.Delete(slot.Key));
        }
        else if (Store.Find(hub, id) is { } stored)
        {
            Write(new StoreOperation.Delete(stored.Key));
        }
    }

    public static GetInstanceResponse Found(InstanceState state, bool withData) => new()
    {
        Exists = true,
        OrchestrationState = state.Snapshot(withData),
    };

    private void Arm(InstanceSlot slot, int timerId, Timestamp fireAt)
    {
        // The action must not keep the instance alive, which can end and leave the memory long before its timers are
        // due.
        (string hub, string id, string executionId) = (slot.State.Hub, slot.State.Id, slot.State.ExecutionId);
        timers.At(fireAt.ToDateTimeOffset(), () =>
        {
            if (FindRunning(hub, id) is { } current
                && current.State.ExecutionId == executionId && current.State.OpenTimers.ContainsKey(timerId))
            {
                Store.Instruments.TimerFired(Time.GetUtcNow() - fireAt.ToDateTimeOffset());
                Deliver(hub, id, Messages.TimerFired(timerId, fireAt, Now()));
            }
        });
    }

    public GetInstanceResponse? Stored(string hub, GetInstanceRequest request)
    {
        if (_live.TryGetValue((hub, request.InstanceId), out InstanceSlot? slot))
        {
            return Found(slot.State, request.GetInputsAndOutputs);
        }

        // Unfinished instances are in memory; the file may still have one for a moment after its hub was deleted.
        return Store.Find(hub, request.InstanceId) is { } stored && InstanceState.IsEnd(stored.Status)
            ? new GetInstanceResponse
            {
                Exists = true,
                OrchestrationState = Visible(stored.Summary, request.GetInputsAndOutputs),
            }
            : null;
    }

    public static OrchestrationState Visible(OrchestrationState state, bool withData)
    {
        if (!withData)
        {
            state.Input = null;
            state.Output = null;
            state.FailureDetails = null;
            state.CustomStatus = null;
        }

        return state;
    }

    public void Terminate(InstanceSlot slot, string? reason)
    {
        slot.Episode?.IsStale = true;
        slot.Episode = null;
        Apply(slot, Episode.TerminatePending(slot.State, reason, Now()));
    }

    public void FailActivity(InstanceSlot slot, int taskId, string reason) => Deliver(
        slot.State.Hub,
        slot.State.Id,
        Messages.ActivityFailed(
            taskId, Messages.Failure("PayloadTooLarge", $"The activity cannot be carried: {reason}."), Now()));

    /// <summary>Resumes the unfinished orchestrations in the file.</summary>
    public void Recover()
    {
        _lastKey = Store.LastKey();
        foreach (RecoveredInstance recovered in Store.LoadUnfinished())
        {
            var slot = new InstanceSlot(recovered.Key, recovered.State, recovered.NextSequence);
            _live[(slot.State.Hub, slot.State.Id)] = slot;
            if (slot.State.Parked is not null)
            {
                _parked.Add(slot);
            }

            foreach ((int id, Timestamp fireAt) in slot.State.OpenTimers)
            {
                Arm(slot, id, fireAt);
            }

            dispatcher.QueueOpen(slot);
        }

        EngineLog.Recovered(Logger, _live.Count);
    }

    /// <summary>Removes every instance of a hub that is being deleted.</summary>
    public void DeleteHub(string hub)
    {
        foreach (InstanceSlot slot in _live.Values.Where(slot => slot.State.Hub == hub).ToList())
        {
            Forget(slot);
            slot.IsGone = true;
            _parked.Remove(slot);
            _live.Remove((hub, slot.State.Id));
            RefuseWaiters(
                slot, Refuse(StatusCode.NotFound, $"Task hub '{hub}' was deleted with '{slot.State.Id}'."));
        }
    }

    /// <summary>Ends the waits of clients, because the engine stops.</summary>
    public void RefuseWaiters()
    {
        foreach (InstanceSlot slot in _live.Values)
        {
            RefuseWaiters(slot, EngineLoop.Stopping());
        }
    }

    private static void RefuseWaiters(InstanceSlot slot, RpcException refusal)
    {
        slot.Waiters.ForEach(waiter => waiter.Result.TrySetException(refusal));
        slot.Waiters.Clear();
    }
}
