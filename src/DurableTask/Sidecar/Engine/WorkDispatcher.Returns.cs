using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Requeues work items that have no result.</summary>
internal sealed partial class WorkDispatcher
{
    public const int QuickAttempts = 3;

    /// <summary>Requeues an item without a result: at once while that may help, then with growing delay, and not at all
    /// if it was returned too often.</summary>
    public void TakeBack(Work work, bool atOnce = true)
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

        if (work.Attempt >= Options.MaxDispatches)
        {
            _instances.Park(work);
            return;
        }

        if (atOnce ? work.Attempt <= QuickAttempts : _sessions.Any(session => IsUntried(work, session)))
        {
            Requeue(work);
            return;
        }

        TimeSpan delay = RetryDelay(work.Attempt);
        EngineLog.ItemReturned(Logger, work.Slot.State.Id, work.Attempt, (long)delay.TotalMilliseconds);
        _delayed.Add(work);
        timers.At(Time.GetUtcNow() + delay, () =>
        {
            if (_delayed.Remove(work))
            {
                Requeue(work);
            }
        });
    }

    /// <summary>Offers delayed items to a new connection, whose worker may have another version than those that
    /// refused.</summary>
    private void OfferDelayed(WorkerSession session)
    {
        foreach (Work work in _delayed.Where(work => IsUntried(work, session)).ToList())
        {
            _delayed.Remove(work);
            Requeue(work);
        }
    }

    /// <summary>Returns whether a connection takes such work and has not returned this item.</summary>
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

    /// <summary>Offers all work of an instance that no worker has.</summary>
    public void QueueOpen(InstanceSlot slot)
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

    /// <summary>Starts the check for episodes that a worker never reported, while any are handed out.</summary>
    public void ArmLeases()
    {
        if (!_areLeasesArmed)
        {
            _areLeasesArmed = true;
            timers.At(Time.GetUtcNow() + Options.EpisodeLease / 2, CheckLeases);
        }
    }

    private void CheckLeases()
    {
        _areLeasesArmed = false;
        foreach (Work work in _handedOut.Values
            .Where(work => work.TaskId is null && IsOver(work.HandedOutAt)).ToList())
        {
            TakeBack(work);
        }

        _entities.TakeBackOverdue(IsOver);
        if (_handedOut.Count + _entities.HandedOutCount > 0)
        {
            ArmLeases();
        }

        bool IsOver(long handedOutAt) => Time.GetElapsedTime(handedOutAt) >= Options.EpisodeLease;
    }

    /// <summary>Returns the pause before an item that was returned so many times is offered again.</summary>
    public static TimeSpan RetryDelay(int attempt) =>
        TimeSpan.FromMilliseconds(Math.Min(30_000, 100 * Math.Pow(2, Math.Min(attempt, 16))));
}
