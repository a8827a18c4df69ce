using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;
using EventCase = Microsoft.DurableTask.Protobuf.HistoryEvent.EventTypeOneofCase;

namespace Workflows.DurableTask.Sidecar.Core;

/// <summary>The fate of a child of a rewound orchestration.</summary>
internal enum ChildFate
{
    /// <summary>It runs, or is rewound itself, so its end is still to come.</summary>
    Awaited,

    /// <summary>It is gone, or ended in a way that cannot be undone, so the orchestrator starts it again.</summary>
    StartedAgain,
}

/// <summary>Rewinds a failed orchestration to before its failures. Successes are kept, not run again.</summary>
internal static class Rewind
{
    /// <summary>Lists children whose result is missing or a failure, by task id.</summary>
    public static IReadOnlyDictionary<int, string> UnfinishedChildren(IReadOnlyList<HistoryEvent> history)
    {
        var children = new Dictionary<int, string>();
        foreach (HistoryEvent item in history)
        {
            if (item.SubOrchestrationInstanceCreated is { } created)
            {
                children[item.EventId] = created.InstanceId;
            }
            else if (item.SubOrchestrationInstanceCompleted is { } completed)
            {
                children.Remove(completed.TaskScheduledId);
            }
        }

        return children;
    }

    /// <summary>Returns whether a replay would assume a lock that the orchestration lost when it failed.</summary>
    public static bool HasOpenLock(IReadOnlyList<HistoryEvent> history)
    {
        var open = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (HistoryEvent item in history)
        {
            if (item.EntityLockRequested is { } request)
            {
                open.UnionWith(request.LockSet.Select(id => $"{request.CriticalSectionId} {id}"));
            }
            else if (item.EntityUnlockSent is { } unlock)
            {
                open.Remove($"{unlock.CriticalSectionId} {unlock.TargetInstanceId}");
            }
        }

        return open.Count > 0;
    }

    /// <param name="state">The failed orchestration.</param>
    /// <param name="fates">The fate of each unfinished child.</param>
    /// <param name="reason">The reason, which the orchestrator's worker receives.</param>
    /// <param name="newExecutionId">The id of the execution that continues.</param>
    /// <param name="now">The time of the rewind.</param>
    public static CreatedRecord Plan(
        InstanceState state,
        IReadOnlyDictionary<int, ChildFate> fates,
        string? reason,
        string newExecutionId,
        Timestamp now)
    {
        var failed = state.History.Where(item => item.TaskFailed is not null)
            .Select(item => item.TaskFailed.TaskScheduledId).ToHashSet();
        ExecutionStartedEvent started = state.Started.Clone();
        started.OrchestrationInstance = new() { InstanceId = state.Id, ExecutionId = newExecutionId };
        var record = new CreatedRecord
        {
            ExecutionId = newExecutionId,
            Created = state.Created,
            Started = Messages.Started(started, now),
            CustomStatus = state.CustomStatus,
            HasRun = true,
        };
        foreach (HistoryEvent item in state.History)
        {
            bool isKept = item.EventTypeCase switch
            {
                EventCase.TaskFailed or EventCase.SubOrchestrationInstanceFailed or EventCase.ExecutionCompleted =>
                    false,
                EventCase.TaskScheduled => !failed.Contains(item.EventId),
                EventCase.SubOrchestrationInstanceCreated =>
                    !fates.TryGetValue(item.EventId, out ChildFate fate) || fate == ChildFate.Awaited,
                _ => true,
            };
            if (item.ExecutionStarted is not null)
            {
                HistoryEvent first = item.Clone();
                first.ExecutionStarted = started;
                record.Started = first;
                record.History.Add(first);
            }
            else if (isKept)
            {
                record.History.Add(item);
            }
        }

        record.Carryover.Add(new HistoryEvent
        {
            EventId = -1,
            Timestamp = now,
            ExecutionRewound = new() { Reason = reason, InstanceId = state.Id },
        });
        return record;
    }
}
