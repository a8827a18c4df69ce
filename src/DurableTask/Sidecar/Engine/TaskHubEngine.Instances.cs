using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;
using Workflows.DurableTask.Sidecar.Storage;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>How instances come, change and go.</summary>
internal sealed partial class TaskHubEngine
{
    /// <summary>An unfinished instance; null for an unknown or ended one.</summary>
    private InstanceSlot? FindRunning(string hub, string id) =>
        _live.TryGetValue((hub, id), out InstanceSlot? slot) && !slot.State.IsTerminal ? slot : null;

    private void Create(string hub, string id, CreatedRecord created)
    {
        var state = new InstanceState(hub, id);
        var slot = new InstanceSlot(++_lastKey, state, 0);
        var record = new LogRecord { Created = created };
        state.Apply(record);
        _live[(hub, id)] = slot;
        _batch.Operations.Add(new StoreOperation.Insert(
            slot.Key,
            hub,
            id,
            state.Started.ParentInstance?.OrchestrationInstance?.InstanceId,
            state.Created.ToDateTimeOffset().UtcTicks,
            state.Snapshot(withData: true)));
        _batch.Operations.Add(new StoreOperation.Append(slot.Key, slot.NextSequence++, record));
        Log.Created(_logger, id, state.Started.Name);
        QueueEpisode(slot, attempt: 0);
    }

    private CreatedRecord NewExecution(string id, ExecutionStartedEvent started, Timestamp? startAt)
    {
        string executionId = NewToken();
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

    /// <summary>Adds a record to an instance and does what follows from its new status.</summary>
    private void Append(InstanceSlot slot, LogRecord record)
    {
        InstanceState state = slot.State;
        OrchestrationStatus before = state.VisibleStatus;
        string? customBefore = state.CustomStatus;
        if (record.KindCase == LogRecord.KindOneofCase.Created)
        {
            Forget(slot);
            _batch.Operations.Add(new StoreOperation.ClearLog(slot.Key));
        }

        state.Apply(record);
        _batch.Operations.Add(new StoreOperation.Append(slot.Key, slot.NextSequence++, record));
        _ = state.Parked is null ? _parked.Remove(slot) : _parked.Add(slot);
        bool hasNewData = customBefore != state.CustomStatus || state.IsTerminal;
        if (before != state.VisibleStatus || hasNewData)
        {
            _batch.Operations.Add(new StoreOperation.Update(
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
            Log.Ended(_logger, state.Id, state.Started.Name, state.Status.ToString());
            _store.Instruments.InstanceEnded(state.Status.ToString());
            Forget(slot);
            AfterCommit(() => Evict(slot));
        }
    }

    private void Evict(InstanceSlot slot)
    {
        if (slot.State.IsTerminal
            && _live.TryGetValue((slot.State.Hub, slot.State.Id), out InstanceSlot? current)
            && current == slot)
        {
            _live.Remove((slot.State.Hub, slot.State.Id));
        }
    }

    /// <summary>The results of everything that workers have of this execution are no longer wanted.</summary>
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

    /// <summary>Answers the waiters whose status has come.</summary>
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
    private void Deliver(string hub, string id, HistoryEvent message)
    {
        if (FindRunning(hub, id) is not { } slot)
        {
            return;
        }

        if (message.ExecutionTerminated is { } terminated && slot.State.IsPending && slot.Episode is null)
        {
            // It has never run and may never: no worker is needed to end it.
            Apply(slot, Episode.TerminatePending(slot.State, terminated.Input, Now()));
            return;
        }

        Append(slot, new LogRecord { Message = message });
        if (message.ExecutionTerminated is not null && slot.State.Parked is not null)
        {
            // No worker has managed its work; it ends without one.
            slot.Episode?.IsStale = true;
            slot.Episode = null;
            Apply(slot, Episode.TerminatePending(slot.State, message.ExecutionTerminated.Input, Now()));
            return;
        }

        QueueEpisode(slot, attempt: 0);
    }

    /// <summary>Applies an episode's outcome to its instance and to all others it concerns, in one batch.</summary>
    private void Apply(InstanceSlot slot, EpisodeOutcome outcome)
    {
        string executionId = slot.State.ExecutionId;
        Append(slot, outcome.Record);
        if (outcome.Record.Episode is { } episode)
        {
            StartTasks(slot, episode);
        }
        else if (outcome.Record.Created is { History.Count: > 0 })
        {
            GoOn(slot);
        }

        foreach (Command command in outcome.Commands)
        {
            Do(slot, executionId, command);
        }

        if (slot.State.IsTerminal || slot.State.ExecutionId != executionId)
        {
            ReleaseLocks(slot, executionId);
        }

        if (!slot.State.IsTerminal && slot.State.Inbox.Count > 0)
        {
            QueueEpisode(slot, attempt: 0);
        }
    }

    private void StartTasks(InstanceSlot slot, EpisodeRecord episode)
    {
        if (slot.State.IsTerminal)
        {
            return;
        }

        List<int>? activities = null;
        foreach (HistoryEvent item in episode.Events)
        {
            if (item.TaskScheduled is not null)
            {
                (activities ??= []).Add(item.EventId);
            }
            else if (item.TimerCreated is not null)
            {
                Arm(slot, item.EventId, item.TimerCreated.FireAt);
            }
        }

        if (activities is not null)
        {
            string executionId = slot.State.ExecutionId;
            AfterCommit(() =>
            {
                if (slot.State.ExecutionId == executionId)
                {
                    activities.ForEach(id => QueueActivity(slot, id, attempt: 0));
                }
            });
        }
    }

    private void Do(InstanceSlot source, string executionId, Command command)
    {
        string hub = source.State.Hub;
        switch (command)
        {
            case Command.Deliver deliver:
                Deliver(hub, deliver.InstanceId, deliver.Message);
                break;
            case Command.TerminateChild child:
                Deliver(hub, child.InstanceId, Messages.Terminated(child.Reason, recurse: true, Now()));
                break;
            case Command.TellParent tell:
                TellParent(hub, source.State.Id, tell);
                break;
            case Command.StartChild child:
                StartChild(source, child);
                break;
            case Command.SendToEntity send:
                Send(hub, send.EntityId, send.Message);
                break;
            case Command.LockEntities request:
                RequestLocks(source, request.Request);
                break;
            case Command.UnlockEntity unlock:
                Unlock(source, executionId, unlock.EntityId, unlock.SectionId);
                break;
        }
    }

    private void TellParent(string hub, string childId, Command.TellParent tell)
    {
        InstanceSlot? parent = FindRunning(hub, tell.Parent.OrchestrationInstance.InstanceId);
        if (parent is not null
            && parent.State.OpenChildren.TryGetValue(tell.Parent.TaskScheduledId, out string? open)
            && (parent.State.ExecutionId == tell.Parent.OrchestrationInstance.ExecutionId
                || (parent.State.IsRewound && open == childId)))
        {
            int taskId = tell.Parent.TaskScheduledId;
            Deliver(hub, parent.State.Id, tell.Message.CalculateSize() <= _options.MaxPayloadBytes + 64 * 1024
                ? tell.Message
                : Messages.ChildFailed(
                    taskId,
                    Messages.Failure("PayloadTooLarge", "The sub-orchestration's result is too large to be carried."),
                    Now()));
        }
    }

    private void StartChild(InstanceSlot parent, Command.StartChild child)
    {
        string hub = parent.State.Hub;
        string? refusal = EntityId.IsEntity(child.InstanceId) ? "ids that start with '@' belong to entities"
            : FindRunning(hub, child.InstanceId) is not null ? "an unfinished orchestration has this id"
            : child.Started.CalculateSize() > _options.MaxPayloadBytes + 64 * 1024 ? "its input is too large"
            : null;
        if (refusal is not null)
        {
            // Nobody waits for a child of an execution that has ended.
            if (!parent.State.OpenChildren.ContainsKey(child.TaskId))
            {
                return;
            }

            string message = $"Sub-orchestration '{child.InstanceId}' could not be started: {refusal}.";
            TaskFailureDetails failure = Messages.Failure(
                "DurableTask.Core.Exceptions.OrchestrationAlreadyExistsException", message);
            Deliver(hub, parent.State.Id, Messages.ChildFailed(child.TaskId, failure, Now()));
            return;
        }

        Remove(hub, child.InstanceId);
        Create(hub, child.InstanceId, NewExecution(child.InstanceId, child.Started, startAt: null));
    }

    /// <summary>Removes an ended instance of this id, if there is one.</summary>
    private void Remove(string hub, string id)
    {
        if (_live.Remove((hub, id), out InstanceSlot? slot))
        {
            slot.IsGone = true;
            Forget(slot);
            _batch.Operations.Add(new StoreOperation.Delete(slot.Key));
        }
        else if (_store.Find(hub, id) is { } stored)
        {
            _batch.Operations.Add(new StoreOperation.Delete(stored.Key));
        }
    }

    private static GetInstanceResponse Found(InstanceState state, bool withData) => new()
    {
        Exists = true,
        OrchestrationState = state.Snapshot(withData),
    };
}
