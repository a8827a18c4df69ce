using System.Security.Cryptography;
using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>
/// Owns the connections of workers, the work that waits for them and the work that they have. Hands work items out by
/// route, round-robin over the connections that take it and have room.
/// </summary>
internal sealed partial class WorkDispatcher(EngineLoop loop, TaskHubSidecarOptions options, TimerQueue timers)
    : EnginePart(loop, options)
{
    private const int InboxBytesInEpisode = 1024 * 1024;
    // Official workers accept 4 MiB; the rest is for the item's frame.
    public const int MostBytesInItem = 4 * 1024 * 1024 - 64 * 1024;

    private const int TokenBytes = 16;

    private readonly Dictionary<(string Hub, WorkKind Kind, string Name, string Version), Route> _routes = [];
    private readonly Queue<Route> _active = new();
    private readonly List<WorkerSession> _sessions = [];
    private readonly Dictionary<string, Work> _handedOut = [];
    private readonly byte[] _random = new byte[256 * TokenBytes];
    private int _randomLeft;
    private uint _nextSession;
    private readonly HashSet<Work> _delayed = [];
    private int _sessionCount;
    private bool _areLeasesArmed;
    private InstanceTable _instances = null!;
    private EntityHost _entities = null!;

    /// <summary>The number of items that wait for a worker.</summary>
    public int QueuedCount
    {
        get
        {
            int queued = 0;
            foreach (Route route in _routes.Values)
            {
                queued += route.Count;
            }

            return queued;
        }
    }

    /// <summary>The number of episodes and activities that workers have.</summary>
    public int HandedOutCount => _handedOut.Count;

    /// <summary>The connected workers.</summary>
    public IReadOnlyList<WorkerSession> Sessions => _sessions;

    /// <summary>All routes that ever had work.</summary>
    public IEnumerable<Route> Routes => _routes.Values;

    /// <summary>Sets the owners of the work that is handed out; all three refer to each other.</summary>
    public void Bind(InstanceTable instances, EntityHost entities) => (_instances, _entities) = (instances, entities);

    /// <summary>Connects a worker. Its items end when the engine stops.</summary>
    public Task<WorkerSession> ConnectAsync(string hub, GetWorkItemsRequest request, bool isEncoded = false) =>
        AskAsync<WorkerSession>(answer =>
    {
        var session = new WorkerSession(hub, request, Options.DefaultConcurrency, isEncoded);
        _sessions.Add(session);
        OfferDelayed(session);
        EngineLog.WorkerConnected(Logger, ++_sessionCount, hub);
        answer.TrySetResult(session);
    });

    /// <summary>Requeues at once the work of a worker whose connection ended.</summary>
    public void Disconnect(WorkerSession session) => Loop.Post(() =>
    {
        if (!_sessions.Remove(session))
        {
            return;
        }

        session.Items.Writer.TryComplete();
        EngineLog.WorkerGone(Logger, _sessionCount, session.Outstanding.Count + session.OutstandingEntities.Count);
        List<Work> items = [.. session.Outstanding];
        List<EntityWork> batches = [.. session.OutstandingEntities];
        if (Loop.IsStopping)
        {
            // The engine itself ended the connection: that is no failure of the worker's items, and memory may be half
            // changed, so nothing may follow from it.
            items.ForEach(End);
            batches.ForEach(_entities.End);
            return;
        }

        items.ForEach(work => TakeBack(work));
        batches.ForEach(work => _entities.TakeBack(work));
    });

    public void QueueEpisode(InstanceSlot slot, int attempt, WorkerSession[]? refusers = null)
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
        // A new message must not reset the count of an episode that crashes every worker.
        int attempts = Math.Max(attempt, slot.FailedEpisodes);
        Route route = EpisodeRoute(state);
        route.Add(new ReadyItem(slot, state.ExecutionId, null, attempts, refusers ?? []));
        Activate(route);
    }

    public void QueueActivity(InstanceSlot slot, int taskId, int attempt, WorkerSession[]? refusers = null)
    {
        if (slot.State.Parked is null
            && slot.State.OpenActivities.TryGetValue(taskId, out HistoryEvent? scheduled))
        {
            Route route = ActivityRoute(slot.State, scheduled.TaskScheduled);
            route.Add(new ReadyItem(slot, slot.State.ExecutionId, taskId, attempt, refusers ?? []));
            Activate(route);
        }
    }

    public void QueueEntity(EntitySlot slot)
    {
        Route route = FindRoute(slot.Hub, WorkKind.Entity, EntityId.NameOf(slot.Id), null);
        route.Entities.Enqueue(slot);
        Activate(route);
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

    // Random, so that no token of an earlier process, or of another instance, can be valid by chance or by guess.
    public string NewToken()
    {
        if (_randomLeft < TokenBytes)
        {
            // Many bytes at once, since a call for a few bytes costs as much.
            RandomNumberGenerator.Fill(_random);
            _randomLeft = _random.Length;
        }

        _randomLeft -= TokenBytes;
        return Convert.ToHexStringLower(_random.AsSpan(_randomLeft, TokenBytes));
    }

    /// <summary>Ends a hand-out: its token is no longer valid and its place is free.</summary>
    public void End(Work work)
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

    private void ArmStart(InstanceSlot slot, Timestamp startAt)
    {
        (string hub, string id) = (slot.State.Hub, slot.State.Id);
        timers.At(startAt.ToDateTimeOffset(), () =>
        {
            if (_instances.FindRunning(hub, id) is { } current)
            {
                QueueEpisode(current, attempt: 0);
            }
        });
    }

    /// <summary>Ends the streams of all workers: the engine stops.</summary>
    public void EndSessions() => _sessions.ForEach(session => session.Items.Writer.TryComplete());

    /// <summary>Returns the route that work of this name would take, if there was such work.</summary>
    public Route? FindRouteOf(string hub, WorkKind kind, string name, string? version) =>
        _routes.GetValueOrDefault((hub, kind, name, version ?? string.Empty));

    /// <summary>Returns an activity that was returned and waits for its next try; null if there is none.</summary>
    public Work? FindDelayed(InstanceSlot slot, int taskId) => _delayed.FirstOrDefault(back =>
        back.Slot == slot && back.TaskId == taskId && back.ExecutionId == slot.State.ExecutionId);
}
