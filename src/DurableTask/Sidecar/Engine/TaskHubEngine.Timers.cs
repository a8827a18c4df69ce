using Google.Protobuf.WellKnownTypes;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>
/// One clock for everything that is due at some time. Durable timers are in the log; the queue here only says when to
/// look.
/// </summary>
internal sealed partial class TaskHubEngine
{
    // The system's timer does not notice when the clock is set; this is how late a timer can then be.
    private static readonly TimeSpan LongestSleep = TimeSpan.FromSeconds(5);

    private readonly ITimer _clock;
    private readonly PriorityQueue<Action, DateTimeOffset> _due = new();
    private DateTimeOffset _wakeAt = DateTimeOffset.MaxValue;
    private bool _areLeasesArmed;

    private void At(DateTimeOffset moment, Action action)
    {
        _due.Enqueue(action, moment);
        if (moment < _wakeAt)
        {
            Sleep(moment);
        }
    }

    private void Sleep(DateTimeOffset until)
    {
        _wakeAt = until;
        TimeSpan delay = until - _time.GetUtcNow();
        // Clocks round down; a millisecond more spares a second look.
        _clock.Change(
            delay <= TimeSpan.Zero ? TimeSpan.Zero
                : delay > LongestSleep ? LongestSleep : delay + TimeSpan.FromMilliseconds(1),
            Timeout.InfiniteTimeSpan);
    }

    private void FireTimers()
    {
        if (_isStopping)
        {
            return;
        }

        DateTimeOffset now = _time.GetUtcNow();
        while (_due.TryPeek(out Action? action, out DateTimeOffset moment) && moment <= now)
        {
            _due.Dequeue();
            action();
        }

        _wakeAt = DateTimeOffset.MaxValue;
        if (_due.TryPeek(out _, out DateTimeOffset next))
        {
            Sleep(next);
        }
    }

    private void Arm(InstanceSlot slot, int timerId, Timestamp fireAt)
    {
        // Nothing here may hold on to the instance: it can end, and leave the memory, long before its timers are due.
        (string hub, string id, string executionId) = (slot.State.Hub, slot.State.Id, slot.State.ExecutionId);
        At(fireAt.ToDateTimeOffset(), () =>
        {
            if (FindRunning(hub, id) is { } current
                && current.State.ExecutionId == executionId && current.State.OpenTimers.ContainsKey(timerId))
            {
                _store.Instruments.TimerFired(_time.GetUtcNow() - fireAt.ToDateTimeOffset());
                Deliver(hub, id, Messages.TimerFired(timerId, fireAt, Now()));
            }
        });
    }

    private void ArmStart(InstanceSlot slot, Timestamp startAt)
    {
        (string hub, string id) = (slot.State.Hub, slot.State.Id);
        At(startAt.ToDateTimeOffset(), () =>
        {
            if (FindRunning(hub, id) is { } current)
            {
                QueueEpisode(current, attempt: 0);
            }
        });
    }

    /// <summary>Looks for episodes that a worker never reported, while any are out.</summary>
    private void ArmLeases()
    {
        if (!_areLeasesArmed)
        {
            _areLeasesArmed = true;
            At(_time.GetUtcNow() + _options.EpisodeLease / 2, CheckLeases);
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

        foreach (EntityWork work in _handedOutEntities.Values.Where(work => IsOver(work.HandedOutAt)).ToList())
        {
            TakeBack(work);
        }

        if (_handedOut.Count + _handedOutEntities.Count > 0)
        {
            ArmLeases();
        }

        bool IsOver(long handedOutAt) => _time.GetElapsedTime(handedOutAt) >= _options.EpisodeLease;
    }
}
