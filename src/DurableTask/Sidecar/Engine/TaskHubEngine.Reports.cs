using Google.Protobuf.WellKnownTypes;
using Workflows.DurableTask.Protocol;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Says of every unfinished orchestration what it waits for and since when.</summary>
internal sealed partial class TaskHubEngine
{
    /// <summary>An unfinished orchestration; null for an unknown or ended one.</summary>
    public Task<InstanceReport?> ReportAsync(string hub, string id) => AskAsync<InstanceReport?>(answer =>
        answer.TrySetResult(FindRunning(hub, id) is { } slot ? Report(slot) : null));

    /// <summary>Unfinished orchestrations that nothing has happened to for some time, the longest wait first.</summary>
    public Task<IReadOnlyList<InstanceReport>> ReportsAsync(string? hub, TimeSpan atLeast, string? state, int count) =>
        AskAsync<IReadOnlyList<InstanceReport>>(answer =>
        {
            Timestamp latest = Timestamp.FromDateTimeOffset(_time.GetUtcNow() - atLeast);
            answer.TrySetResult(
            [
                .. _live.Values
                    .Where(slot => !slot.State.IsTerminal && slot.State.Updated <= latest
                        && (hub is null || slot.State.Hub == hub))
                    .OrderBy(slot => slot.State.Updated)
                    .Select(Report)
                    .Where(report => state is null || report.WaitsFor.Any(wait => wait.State == state))
                    .Take(count),
            ]);
        });

    /// <summary>Everything that waits for a worker.</summary>
    public Task<IReadOnlyList<QueueReport>> QueuesAsync() => AskAsync<IReadOnlyList<QueueReport>>(answer =>
        answer.TrySetResult(
        [
            .. _routes.Values.Where(route => route.HasItems).Select(route => new QueueReport(
                route.Hub,
                route.Kind.ToString(),
                route.Name,
                route.Version,
                route.Items.Count + route.Entities.Count,
                IsHeld(route) ? "held" : "queued")),
        ]));

    private bool IsHeld(Route route) => !_sessions.Exists(session => session.Takes(route));

    private InstanceReport Report(InstanceSlot slot)
    {
        Core.InstanceState state = slot.State;
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
            [.. Waits(slot)]);
    }

    private IEnumerable<WaitReport> Waits(InstanceSlot slot)
    {
        Core.InstanceState state = slot.State;
        DateTimeOffset updated = state.Updated.ToDateTimeOffset();
        bool isEmpty = true;
        foreach (WaitReport wait in OpenWaits(slot))
        {
            isEmpty = false;
            yield return wait;
        }

        if (state.Inbox.Count > 0)
        {
            bool isEarly = state.IsPending && state.StartAt is { } start && start > Now();
            yield return isEarly
                ? new WaitReport("start", null, null, "open", updated, state.StartAt!.ToDateTimeOffset(), 0)
                : new WaitReport(
                    "orchestrator",
                    null,
                    state.Started.Name,
                    StateOf(slot, slot.Episode, WorkKind.Episode, state.Started.Name, state.Started.Version),
                    updated,
                    null,
                    slot.Episode?.Attempt ?? 0);
        }
        else if (isEmpty)
        {
            // Nothing else is open, and an orchestrator that has returned would have ended.
            yield return new WaitReport("event", null, null, "open", updated, null, 0);
        }
    }

    private IEnumerable<WaitReport> OpenWaits(InstanceSlot slot)
    {
        Core.InstanceState state = slot.State;
        DateTimeOffset updated = state.Updated.ToDateTimeOffset();
        foreach ((int id, HistoryEvent scheduled) in state.OpenActivities)
        {
            TaskScheduledEvent task = scheduled.TaskScheduled;
            Work? work = slot.Activities.GetValueOrDefault(id);
            yield return new WaitReport(
                "activity",
                $"{id}",
                task.Name,
                StateOf(slot, work, WorkKind.Activity, task.Name, task.Version),
                scheduled.Timestamp.ToDateTimeOffset(),
                null,
                work?.Attempt ?? 0);
        }

        foreach ((int id, Timestamp fireAt) in state.OpenTimers)
        {
            yield return new WaitReport(
                "timer", $"{id}", null, "open", Since(state, id, updated), fireAt.ToDateTimeOffset(), 0);
        }

        foreach ((int id, string child) in state.OpenChildren)
        {
            yield return new WaitReport("child", child, null, "open", Since(state, id, updated), null, 0);
        }

        foreach (string entity in slot.Locks.Where(id => _entities.TryGetValue((state.Hub, id), out EntitySlot? found)
            && !found.State.IsHeldBy(state.Id, state.ExecutionId)))
        {
            yield return new WaitReport("lock", entity, null, "open", updated, null, 0);
        }
    }

    private string StateOf(InstanceSlot slot, Work? work, WorkKind kind, string name, string? version) =>
        slot.State.Parked is not null ? "parked"
        : work is not null ? "running"
        : IsHeld(FindRoute(slot.State.Hub, kind, name, version)) ? "held"
        : "queued";

    private static DateTimeOffset Since(Core.InstanceState state, int eventId, DateTimeOffset otherwise) =>
        state.History.FindLast(item => item.EventId == eventId)?.Timestamp.ToDateTimeOffset() ?? otherwise;
}
