using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Parks orchestrations, and resumes parked and ended ones.</summary>
internal sealed partial class InstanceTable
{
    public void TakeUpAgain(InstanceSlot slot, string? reason, HashSet<string> seen)
    {
        InstanceState state = slot.State;
        string hub = state.Hub;
        seen.Add(state.Id);
        var fates = new Dictionary<int, ChildFate>();
        var answers = new List<HistoryEvent>();
        foreach ((int taskId, string childId) in Rewind.UnfinishedChildren(state.History))
        {
            InstanceSlot? child = FindEnded(hub, childId);
            ParentInstanceInfo? parent = child?.State.Started.ParentInstance;
            bool isOurs = parent?.OrchestrationInstance?.InstanceId == state.Id && parent.TaskScheduledId == taskId;
            fates[taskId] = ChildFate.Awaited;
            if (child is null || !isOurs || seen.Contains(childId))
            {
                fates[taskId] = ChildFate.StartedAgain;
            }
            else if (child.State.Status == OrchestrationStatus.Completed)
            {
                // It ended after its parent did, so its parent has not received its end.
                var end = new ExecutionCompletedEvent
                {
                    OrchestrationStatus = OrchestrationStatus.Completed,
                    Result = child.State.Output,
                };
                answers.Add(Messages.ChildEnded(taskId, end, Now()));
            }
            else if (child.State.Status == OrchestrationStatus.Failed && !Rewind.HasOpenLock(child.State.History))
            {
                TakeUpAgain(child, reason, seen);
            }
            else if (child.State.IsTerminal)
            {
                fates[taskId] = ChildFate.StartedAgain;
            }
        }

        CreatedRecord record = Rewind.Plan(state, fates, reason, Guid.NewGuid().ToString("N"), Now());
        _live[(hub, state.Id)] = slot;
        Append(slot, new LogRecord { Created = record });
        foreach (HistoryEvent message in answers)
        {
            Append(slot, new LogRecord { Message = message });
        }

        GoOn(slot);
    }

    /// <summary>Resumes the open work of a history, as after a restart.</summary>
    private void GoOn(InstanceSlot slot)
    {
        foreach ((int timerId, Timestamp fireAt) in slot.State.OpenTimers)
        {
            Arm(slot, timerId, fireAt);
        }

        AfterCommit(() => dispatcher.QueueOpen(slot));
    }

    /// <summary>Returns an instance with its history, even if it has ended and left the memory.</summary>
    public InstanceSlot? FindEnded(string hub, string id)
    {
        if (_live.TryGetValue((hub, id), out InstanceSlot? slot))
        {
            return slot;
        }

        return Store.Find(hub, id) is { } row && Store.Load(row) is { } loaded
            ? new InstanceSlot(loaded.Key, loaded.State, loaded.NextSequence)
            : null;
    }

    // Suspended with a reason that clients see: lists of suspended instances show it, and resuming resumes its work.
    public void Park(Work work)
    {
        InstanceState state = work.Slot.State;
        if (state.Parked is not null || state.IsTerminal || work.ExecutionId != state.ExecutionId)
        {
            return;
        }

        string what = work.TaskId is { } taskId
            && state.OpenActivities.TryGetValue(taskId, out HistoryEvent? scheduled)
            ? $"Activity '{scheduled.TaskScheduled.Name}' (#{taskId})"
            : $"The orchestrator '{state.Started.Name}'";
        string reason = $"{what} was handed to workers {work.Attempt} times without a result. "
            + "Resume the orchestration to try again.";
        EngineLog.Parked(Logger, state.Id, reason);
        Append(work.Slot, new LogRecord { Parked = new ParkedRecord { At = Now(), Reason = reason } });
    }

    public void Unpark(InstanceSlot slot)
    {
        slot.FailedEpisodes = 0;
        Append(slot, new LogRecord { Unparked = Now() });
        AfterCommit(() => dispatcher.QueueOpen(slot));
    }
}
