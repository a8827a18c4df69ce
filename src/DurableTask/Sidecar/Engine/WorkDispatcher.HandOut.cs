using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Creates work items and hands them out.</summary>
internal sealed partial class WorkDispatcher
{
    /// <summary>Hands out all work that can be handed out, round-robin over routes and connections.</summary>
    public void Pump()
    {
        int idle = 0;
        while (!Loop.IsStopping && idle < _active.Count)
        {
            Route route = _active.Dequeue();
            if (!TryHandOut(route))
            {
                _active.Enqueue(route);
                idle++;
                continue;
            }

            idle = 0;
            route.IsActive = route.HasItems;
            if (route.IsActive)
            {
                _active.Enqueue(route);
            }
        }
    }

    private bool TryHandOut(Route route)
    {
        if (route.Kind == WorkKind.Entity)
        {
            return TryHandOutEntity(route);
        }

        foreach (ReadyQueue queue in route.InTurn())
        {
            if (NextSession(route, queue.Refusers) is { } worker)
            {
                HandOut(route.Take(queue), worker);
                return true;
            }
        }

        return false;
    }

    private bool TryHandOutEntity(Route route)
    {
        for (int left = route.Entities.Count; left > 0; left--)
        {
            EntitySlot slot = route.Entities.Peek();
            if (NextSession(route, slot.Refusers) is { } worker)
            {
                _entities.HandOut(route.Entities.Dequeue(), worker);
                return true;
            }

            if (slot.Refusers.Length == 0)
            {
                return false;
            }

            // Waits for a worker other than those that returned it; entities behind it need not wait.
            route.Entities.Enqueue(route.Entities.Dequeue());
        }

        return false;
    }

    /// <summary>Picks the next connection with room, round-robin. One that returned this item before is used only if no
    /// other connection accepts it. null if another accepts it but is full: the item is tried again when that one has
    /// room or ends.</summary>
    private WorkerSession? NextSession(Route route, WorkerSession[] refusers)
    {
        WorkerSession? refuser = null;
        bool isAwaited = false;
        for (int count = 0; count < _sessions.Count; count++)
        {
            WorkerSession session = _sessions[(int)(_nextSession++ % (uint)_sessions.Count)];
            bool isRefuser = refusers.Contains(session);
            if (!session.CanTake(route))
            {
                isAwaited |= refusers.Length > 0 && !isRefuser && session.Takes(route);
            }
            else if (isRefuser)
            {
                refuser ??= session;
            }
            else
            {
                return session;
            }
        }

        return isAwaited ? null : refuser;
    }

    private void HandOut(ReadyItem item, WorkerSession session)
    {
        InstanceSlot slot = item.Slot;
        bool isParked = slot.State.Parked is not null;
        if (item.TaskId is { } taskId)
        {
            if (!slot.IsGone && !isParked && slot.State.ExecutionId == item.ExecutionId
                && !slot.Activities.ContainsKey(taskId)
                && slot.State.OpenActivities.TryGetValue(taskId, out HistoryEvent? scheduled))
            {
                HandOutActivity(item, scheduled, session);
            }

            return;
        }

        slot.IsQueued = false;
        if (!slot.IsGone && !isParked && slot.Episode is null && !slot.State.IsTerminal && slot.State.Inbox.Count > 0)
        {
            HandOutEpisode(item, session);
        }
    }

    private void HandOutActivity(ReadyItem item, HistoryEvent scheduled, WorkerSession session)
    {
        InstanceSlot slot = item.Slot;
        TaskScheduledEvent task = scheduled.TaskScheduled;
        if (scheduled.CalculateSize() > Options.MaxPayloadBytes + FrameBytes)
        {
            _instances.FailActivity(
                slot, scheduled.EventId, $"its input is larger than {Options.MaxPayloadBytes} bytes");
            return;
        }

        var request = new ActivityRequest
        {
            Name = task.Name,
            Version = task.Version,
            Input = task.Input,
            TaskId = scheduled.EventId,
            ParentTraceContext = task.ParentTraceContext,
            OrchestrationInstance = new() { InstanceId = slot.State.Id, ExecutionId = slot.State.ExecutionId },
        };
        request.Tags.Add(task.Tags);
        var work = new Work(NewToken(), slot, scheduled.EventId, session, item.Attempt + 1)
        {
            Refusers = item.Refusers,
        };
        slot.Activities[scheduled.EventId] = work;
        session.FreeActivities--;
        Send(work, new WorkItem { ActivityRequest = request });
    }

    private void HandOutEpisode(ReadyItem item, WorkerSession session)
    {
        InstanceSlot slot = item.Slot;
        InstanceState state = slot.State;
        Timestamp now = Now();
        Timestamp startedAt = state.Updated > now ? state.Updated : now;
        var request = new OrchestratorRequest
        {
            InstanceId = state.Id,
            ExecutionId = state.ExecutionId,
            OrchestrationTraceContext = state.Trace,
            // Without this field official orchestrators refuse to use entities. Zero: no message is duplicated or out
            // of order.
            EntityParameters = new() { EntityMessageReorderWindow = new() },
        };
        request.NewEvents.Add(new HistoryEvent { EventId = -1, Timestamp = startedAt, OrchestratorStarted = new() });
        long bytes = 0;
        int consumed = 0;
        foreach (HistoryEvent message in state.Inbox)
        {
            bytes += message.CalculateSize();
            if (consumed > 0 && bytes > InboxBytesInEpisode)
            {
                break;
            }

            request.NewEvents.Add(message);
            consumed++;
        }

        ReadOnlyMemory<byte> past = AddHistory(request, slot, session, bytes);
        slot.Episode = new Work(NewToken(), slot, null, session, item.Attempt + 1)
        {
            Refusers = item.Refusers,
            Consumed = consumed,
            StartedAt = startedAt,
            HandedOutAt = Time.GetTimestamp(),
        };
        session.FreeEpisodes--;
        Send(slot.Episode, new WorkItem { OrchestratorRequest = request }, past);
    }

    // One message may be nearly as large as an item can be, and then no history fits beside it.
    private ReadOnlyMemory<byte> AddHistory(
        OrchestratorRequest request, InstanceSlot slot, WorkerSession session, long messageBytes)
    {
        InstanceState state = slot.State;
        bool fits = state.HistoryBytes <= Options.HistoryStreamingThresholdBytes
            && state.HistoryBytes + messageBytes <= MostBytesInItem;
        if (session.StreamsHistory && !fits)
        {
            request.RequiresHistoryStreaming = true;
            return default;
        }

        if (session.IsEncoded)
        {
            return (slot.Encoded ??= new EncodedHistory()).Of(state.History);
        }

        request.PastEvents.AddRange(state.History);
        return default;
    }

    private void Send(Work work, WorkItem item, ReadOnlyMemory<byte> pastEvents = default)
    {
        item.CompletionToken = work.Token;
        _handedOut.Add(work.Token, work);
        work.Session.Outstanding.Add(work);
        work.Session.Items.Writer.TryWrite(new WorkItemFrame(item, pastEvents));
        Store.Reach?.Invoke(FaultPoint.AfterDispatch);
        ArmLeases();
    }
}
