using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Reports for every unfinished orchestration its waits and their beginnings. Changes nothing.</summary>
internal sealed class EngineReports(
    EngineLoop loop,
    TaskHubSidecarOptions options,
    InstanceTable instances,
    WorkDispatcher dispatcher,
    EntityHost entities)
    : EnginePart(loop, options)
{
    /// <summary>Reports an unfinished orchestration; null for an unknown or ended one.</summary>
    public Task<InstanceReport?> ReportAsync(string hub, string id) => AskAsync<InstanceReport?>(answer =>
        answer.TrySetResult(instances.FindRunning(hub, id) is { } slot ? Report(slot) : null));

    /// <summary>Reports unfinished orchestrations without events for some time, the longest wait first.</summary>
    public Task<IReadOnlyList<InstanceReport>> ReportsAsync(string? hub, TimeSpan atLeast, string? state, int count) =>
        AskAsync<IReadOnlyList<InstanceReport>>(answer =>
        {
            Timestamp latest = Timestamp.FromDateTimeOffset(Time.GetUtcNow() - atLeast);
            answer.TrySetResult(
            [
                .. instances.All
                    .Where(slot => !slot.State.IsTerminal && slot.State.Updated <= latest
                        && (hub is null || slot.State.Hub == hub))
                    .OrderBy(slot => slot.State.Updated)
                    .Select(Report)
                    .Where(report => state is null || report.WaitsFor.Any(wait => wait.State == state))
                    .Take(count),
            ]);
        });

    /// <summary>Reports all work that waits for a worker.</summary>
    public Task<IReadOnlyList<QueueReport>> QueuesAsync() => AskAsync<IReadOnlyList<QueueReport>>(answer =>
        answer.TrySetResult(
        [
            .. dispatcher.Routes.Where(route => route.HasItems).Select(route => new QueueReport(
                route.Hub,
                route.Kind.ToString(),
                route.Name,
                route.Version,
                route.Count,
                IsHeld(route) ? "held" : "queued",
                IsHeld(route) ? WhyHeld(route) : null)),
        ]));

    private bool IsHeld(Route route) => !dispatcher.Sessions.Any(session => session.Takes(route));

    private string WhyHeld(Route route)
    {
        int connected = dispatcher.Sessions.Count(session => session.Hub == route.Hub);
        string kind = route.Kind == WorkKind.Episode ? "orchestrator" : route.Kind.ToString().ToLowerInvariant();
        string version = route.Version.Length > 0 ? $" of version '{route.Version}'" : string.Empty;
        return connected == 0
            ? $"No worker is connected to task hub '{route.Hub}'."
            : $"None of the {connected} connected workers takes {kind} '{route.Name}'{version}.";
    }

    private InstanceReport Report(InstanceSlot slot)
    {
        InstanceState state = slot.State;
        var expected = new Expectations(state);
        return new InstanceReport(
            state.Hub,
            state.Id,
            state.Started.Name,
            state.Started.Version,
            state.ExecutionId,
            state.VisibleStatus.ToString(),
            state.Created.ToDateTimeOffset(),
            state.Updated.ToDateTimeOffset(),
            state.Parked?.Reason,
            state.History.Count,
            state.HistoryBytes,
            state.Inbox.Count,
            [
                .. expected.Events.Select(found =>
                    new EventReport(found.Name, found.Count, found.Last.ToDateTimeOffset())),
            ],
            Waits(slot, expected));
    }

    private List<WaitReport> Waits(InstanceSlot slot, Expectations expected)
    {
        InstanceState state = slot.State;
        DateTimeOffset updated = state.Updated.ToDateTimeOffset();
        List<WaitReport> waits = [.. TaskWaits(slot, expected), .. EntityWaits(slot, expected)];
        bool needsWorker = state.Inbox.Count > 0;
        if (!needsWorker && waits.TrueForAll(wait => wait.Kind == "timer"))
        {
            // The protocol does not carry the events that an orchestrator awaits. An orchestrator that has returned
            // would have ended, so with nothing else open it waits for an event; beside timers it may wait for one, as
            // every wait with a timeout does.
            waits.Add(new WaitReport(
                "event", null, null, waits.Count == 0 ? "open" : "possible", updated, null, 0));
        }

        if (expected.Suspension is { } suspension)
        {
            waits.Add(new WaitReport("resume", null, null, "open", suspension.Timestamp.ToDateTimeOffset(), null, 0)
            {
                Why = suspension.ExecutionSuspended.Input,
            });
        }

        if (needsWorker)
        {
            waits.Add(EpisodeWait(slot));
        }

        return waits;
    }

    private WaitReport EpisodeWait(InstanceSlot slot)
    {
        InstanceState state = slot.State;
        DateTimeOffset since = (state.Inbox[0].Timestamp ?? state.Updated).ToDateTimeOffset();
        if (state.IsPending && state.StartAt is { } start && start > Now())
        {
            return new WaitReport("start", null, null, "open", since, start.ToDateTimeOffset(), 0);
        }

        (string status, string? why) = StateOf(
            slot, slot.Episode, slot.IsQueued, (WorkKind.Episode, state.Started.Name, state.Started.Version));
        return new WaitReport(
            "orchestrator", null, state.Started.Name, status, since, null,
            slot.Episode?.Attempt ?? slot.FailedEpisodes)
        {
            Why = why,
        };
    }

    private IEnumerable<WaitReport> TaskWaits(InstanceSlot slot, Expectations expected)
    {
        InstanceState state = slot.State;
        foreach ((int id, HistoryEvent scheduled) in state.OpenActivities)
        {
            TaskScheduledEvent task = scheduled.TaskScheduled;
            Work? work = slot.Activities.GetValueOrDefault(id);
            Work? delayed = dispatcher.FindDelayed(slot, id);
            // As in the queue: activities without a version have that of their instance.
            (string status, string? why) = StateOf(
                slot,
                work,
                isQueued: delayed is null,
                (WorkKind.Activity, task.Name, task.Version ?? state.Started.Version));
            yield return new WaitReport(
                "activity", $"{id}", task.Name, status, scheduled.Timestamp.ToDateTimeOffset(), null,
                (work ?? delayed)?.Attempt ?? 0)
            {
                Why = why,
            };
        }

        foreach ((int id, Timestamp fireAt) in state.OpenTimers)
        {
            yield return new WaitReport("timer", $"{id}", null, "open", Since(id), fireAt.ToDateTimeOffset(), 0);
        }

        foreach ((int id, string child) in state.OpenChildren)
        {
            string? name = expected.Asked(id)?.SubOrchestrationInstanceCreated?.Name;
            yield return new WaitReport("child", child, name, "open", Since(id), null, 0);
        }

        DateTimeOffset Since(int id) => (expected.Asked(id)?.Timestamp ?? state.Updated).ToDateTimeOffset();
    }

    private IEnumerable<WaitReport> EntityWaits(InstanceSlot slot, Expectations expected)
    {
        InstanceState state = slot.State;
        foreach (OpenCall call in expected.Calls)
        {
            EntitySlot? entity = entities.Find(state.Hub, EntityId.Normalize(call.EntityId) ?? string.Empty);
            EntityHolder? holder = entity?.State.Holder;
            bool isLocked = holder is not null && !entity!.State.IsHeldBy(state.Id, state.ExecutionId);
            (string status, string? why) = entity is null || isLocked ? ("open", null) : StateOf(entity);
            yield return new WaitReport(
                "entity", call.EntityId, call.Operation, status, call.Since.ToDateTimeOffset(), null,
                entity?.Attempts ?? 0)
            {
                HeldBy = isLocked ? holder!.InstanceId : null,
                Why = why,
            };
        }

        foreach (string id in slot.Locks)
        {
            if (entities.Find(state.Hub, id) is { } entity
                && entity.State.WaitingLock(state.Id, state.ExecutionId, sectionId: null) is { } request)
            {
                Timestamp since = expected.SectionAsked(request.Message.Caller.SectionId) ?? state.Updated;
                yield return new WaitReport("lock", id, null, "open", since.ToDateTimeOffset(), null, 0)
                {
                    HeldBy = entity.State.Holder?.InstanceId,
                };
            }
        }
    }

    private (string State, string? Why) StateOf(EntitySlot entity) =>
        entity.State.IsRunning ? ("running", null)
        : entity.IsDelayed ? ("delayed", null)
        : QueuedState(entity.Hub, WorkKind.Entity, EntityId.NameOf(entity.Id), null);

    private (string State, string? Why) StateOf(
        InstanceSlot slot, Work? work, bool isQueued, (WorkKind Kind, string Name, string? Version) what) =>
        slot.State.Parked is { } parked ? ("parked", parked.Reason)
        : work is not null ? ("running", null)
        : isQueued ? QueuedState(slot.State.Hub, what.Kind, what.Name, what.Version)
        : ("delayed", null);

    private (string State, string? Why) QueuedState(string hub, WorkKind kind, string name, string? version) =>
        dispatcher.FindRouteOf(hub, kind, name, version) is { } route && IsHeld(route)
            ? ("held", WhyHeld(route))
            : ("queued", null);
}
