using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>What becomes of work items that come back without a result.</summary>
internal sealed partial class TaskHubEngine
{
    private const int QuickAttempts = 3;

    private readonly HashSet<Work> _delayed = [];

    /// <summary>Puts an item back without a result: at once while that may help, then with growing delay, and not at
    /// all when it came back too often.</summary>
    private void TakeBack(Work work, bool atOnce = true)
    {
        bool isWanted = !work.IsStale;
        End(work);
        if (!isWanted)
        {
            return;
        }

        if (work.TaskId is null)
        {
            work.Slot.FailedEpisodes = work.Attempt;
        }

        if (work.Attempt >= _options.MaxDispatches)
        {
            Park(work);
            return;
        }

        if (atOnce ? work.Attempt <= QuickAttempts : _sessions.Any(session => IsUntried(work, session)))
        {
            Requeue(work);
            return;
        }

        TimeSpan delay = RetryDelay(work.Attempt);
        Log.ItemReturned(_logger, work.Slot.State.Id, work.Attempt, (long)delay.TotalMilliseconds);
        _delayed.Add(work);
        At(_time.GetUtcNow() + delay, () =>
        {
            if (_delayed.Remove(work))
            {
                Requeue(work);
            }
        });
    }

    /// <summary>A worker of another version may have come: what others refused need not wait for its time.</summary>
    private void OfferDelayed(WorkerSession session)
    {
        foreach (Work work in _delayed.Where(work => IsUntried(work, session)).ToList())
        {
            _delayed.Remove(work);
            Requeue(work);
        }
    }

    /// <summary>Whether a connection takes such work and did not hand this item back.</summary>
    private bool IsUntried(Work work, WorkerSession session)
    {
        InstanceState state = work.Slot.State;
        if (work.Session == session || work.Refusers.Contains(session))
        {
            return false;
        }

        return work.TaskId is not { } taskId
            ? session.Takes(EpisodeRoute(state))
            : state.OpenActivities.TryGetValue(taskId, out HistoryEvent? scheduled)
                && session.Takes(ActivityRoute(state, scheduled.TaskScheduled));
    }

    // Suspended, with a reason that clients see: lists of suspended instances show it, and resuming takes it up again.
    private void Park(Work work)
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
        Log.Parked(_logger, state.Id, reason);
        Append(work.Slot, new LogRecord { Parked = new ParkedRecord { At = Now(), Reason = reason } });
    }

    private void Unpark(InstanceSlot slot)
    {
        slot.FailedEpisodes = 0;
        Append(slot, new LogRecord { Unparked = Now() });
        AfterCommit(() => QueueOpen(slot));
    }

    /// <summary>Offers everything of an instance that no worker has.</summary>
    private void QueueOpen(InstanceSlot slot)
    {
        foreach (int id in slot.State.OpenActivities.Keys.Where(id => !slot.Activities.ContainsKey(id)).ToList())
        {
            QueueActivity(slot, id, attempt: 0);
        }

        QueueEpisode(slot, attempt: 0);
    }

    private void Requeue(Work work)
    {
        if (work.ExecutionId != work.Slot.State.ExecutionId)
        {
            return;
        }

        WorkerSession[] refusers = [.. work.Refusers.Append(work.Session).Where(_sessions.Contains).Distinct()];
        if (work.TaskId is { } taskId)
        {
            QueueActivity(work.Slot, taskId, work.Attempt, refusers);
        }
        else
        {
            QueueEpisode(work.Slot, work.Attempt, refusers);
        }
    }
}
