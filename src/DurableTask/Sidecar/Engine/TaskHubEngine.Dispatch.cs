using System.Security.Cryptography;
using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Hands work items to workers: by route, in turn over the connections that take it and have room.</summary>
internal sealed partial class TaskHubEngine
{
    private const int InboxBytesInEpisode = 1024 * 1024;
    private const int TokenBytes = 16;

    private readonly Dictionary<(string Hub, WorkKind Kind, string Name, string Version), Route> _routes = [];
    private readonly Queue<Route> _active = new();
    private readonly List<WorkerSession> _sessions = [];
    private readonly Dictionary<string, Work> _handedOut = [];
    private readonly byte[] _random = new byte[256 * TokenBytes];
    private int _randomLeft;
    private uint _nextSession;
    private int _sessionCount;

    /// <summary>Connects a worker. Its items end when the engine stops.</summary>
    public Task<WorkerSession> ConnectAsync(string hub, GetWorkItemsRequest request) =>
        AskAsync<WorkerSession>(answer =>
    {
        var session = new WorkerSession(hub, request, _options.DefaultConcurrency);
        _sessions.Add(session);
        OfferDelayed(session);
        Log.WorkerConnected(_logger, ++_sessionCount, hub);
        answer.TrySetResult(session);
    });

    /// <summary>Takes back at once what a worker had when its connection ended.</summary>
    public void Disconnect(WorkerSession session) => Post(() =>
    {
        if (!_sessions.Remove(session))
        {
            return;
        }

        session.Items.Writer.TryComplete();
        Log.WorkerGone(_logger, _sessionCount, session.Outstanding.Count + session.OutstandingEntities.Count);
        List<Work> items = [.. session.Outstanding];
        List<EntityWork> batches = [.. session.OutstandingEntities];
        if (_isStopping)
        {
            // The engine itself ended the connection: that is no failure of what the worker had, and nothing of a
            // memory that may be half changed may follow from it.
            items.ForEach(End);
            batches.ForEach(End);
            return;
        }

        items.ForEach(work => TakeBack(work));
        batches.ForEach(work => TakeBack(work));
    });

    private void QueueEpisode(InstanceSlot slot, int attempt, WorkerSession[]? refusers = null)
    {
        InstanceState state = slot.State;
        if (slot.IsQueued || slot.IsGone || slot.Episode is not null || state.IsTerminal || state.Inbox.Count == 0
            || state.Parked is not null)
        {
            return;
        }

        if (state.IsPending && state.StartAt is { } startAt && startAt > Now())
        {
            ArmStart(slot, startAt);
            return;
        }

        slot.IsQueued = true;
        // A new message must not make the count of an episode that nobody survives start anew.
        int attempts = Math.Max(attempt, slot.FailedEpisodes);
        Route route = EpisodeRoute(state);
        route.Add(new ReadyItem(slot, state.ExecutionId, null, attempts, refusers ?? []));
        Activate(route);
    }

    private void QueueActivity(InstanceSlot slot, int taskId, int attempt, WorkerSession[]? refusers = null)
    {
        if (slot.State.Parked is null
            && slot.State.OpenActivities.TryGetValue(taskId, out HistoryEvent? scheduled))
        {
            Route route = ActivityRoute(slot.State, scheduled.TaskScheduled);
            route.Add(new ReadyItem(slot, slot.State.ExecutionId, taskId, attempt, refusers ?? []));
            Activate(route);
        }
    }

    private Route EpisodeRoute(InstanceState state) =>
        FindRoute(state.Hub, WorkKind.Episode, state.Started.Name, state.Started.Version);

    // Not every worker writes the version of its instance on the activities that it calls.
    private Route ActivityRoute(InstanceState state, TaskScheduledEvent task) =>
        FindRoute(state.Hub, WorkKind.Activity, task.Name, task.Version ?? state.Started.Version);

    private Route FindRoute(string hub, WorkKind kind, string name, string? version)
    {
        var key = (hub, kind, name, version ?? string.Empty);
        if (!_routes.TryGetValue(key, out Route? route))
        {
            _routes[key] = route = new Route(hub, kind, name, version ?? string.Empty);
        }

        return route;
    }

    private void Activate(Route route)
    {
        if (!route.IsActive)
        {
            route.IsActive = true;
            _active.Enqueue(route);
        }
    }

    /// <summary>Hands out what can be handed out. Routes and connections take turns.</summary>
    private void Pump()
    {
        int idle = 0;
        while (!_isStopping && idle < _active.Count)
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
                HandOut(route.Entities.Dequeue(), worker);
                return true;
            }

            if (slot.Refusers.Length == 0)
            {
                return false;
            }

            // Waits for another worker than those that handed it back; entities behind it need not.
            route.Entities.Enqueue(route.Entities.Dequeue());
        }

        return false;
    }

    /// <summary>The next connection in turn that has room; one that handed the work back only when no other takes it.
    /// Another that takes it and is full is waited for: its room, or its end, is seen at the next turn.</summary>
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
        if (scheduled.CalculateSize() > _options.MaxPayloadBytes + 64 * 1024)
        {
            FailActivity(slot, scheduled.EventId, $"its input is larger than {_options.MaxPayloadBytes} bytes");
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
            // Without it stock orchestrators refuse to use entities. Zero: nothing comes twice or out of order.
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

        AddHistory(request, state, session, bytes);
        slot.Episode = new Work(NewToken(), slot, null, session, item.Attempt + 1)
        {
            Refusers = item.Refusers,
            Consumed = consumed,
            StartedAt = startedAt,
            HandedOutAt = _time.GetTimestamp(),
        };
        session.FreeEpisodes--;
        Send(slot.Episode, new WorkItem { OrchestratorRequest = request });
    }

    // One message may be nearly as large as an item can be, and then no history fits beside it.
    private void AddHistory(OrchestratorRequest request, InstanceState state, WorkerSession session, long messageBytes)
    {
        bool fits = state.HistoryBytes <= _options.HistoryStreamingThresholdBytes
            && state.HistoryBytes + messageBytes <= MostBytesInItem;
        if (session.StreamsHistory && !fits)
        {
            request.RequiresHistoryStreaming = true;
        }
        else
        {
            request.PastEvents.AddRange(state.History);
        }
    }

    private void Send(Work work, WorkItem item)
    {
        item.CompletionToken = work.Token;
        _handedOut.Add(work.Token, work);
        work.Session.Outstanding.Add(work);
        work.Session.Items.Writer.TryWrite(item);
        _store.Reach?.Invoke(FaultPoint.AfterDispatch);
        ArmLeases();
    }

    // Random, so that no token of an earlier process, or of another instance, can be valid by chance or by guess.
    private string NewToken()
    {
        if (_randomLeft < TokenBytes)
        {
            // Many at once: a call for a few bytes costs as much.
            RandomNumberGenerator.Fill(_random);
            _randomLeft = _random.Length;
        }

        _randomLeft -= TokenBytes;
        return Convert.ToHexStringLower(_random.AsSpan(_randomLeft, TokenBytes));
    }

    /// <summary>Ends a hand-out: its token is no longer valid and its place is free.</summary>
    private void End(Work work)
    {
        _handedOut.Remove(work.Token);
        work.Session.Outstanding.Remove(work);
        if (work.TaskId is { } taskId)
        {
            work.Session.FreeActivities++;
            if (!work.IsStale)
            {
                work.Slot.Activities.Remove(taskId);
            }
        }
        else
        {
            work.Session.FreeEpisodes++;
            if (!work.IsStale)
            {
                work.Slot.Episode = null;
            }
        }
    }
}
