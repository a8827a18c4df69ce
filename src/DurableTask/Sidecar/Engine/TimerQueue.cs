namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>
/// One clock for all actions that are due at some time. Durable timers are in the log; this queue only wakes the
/// engine.
/// </summary>
internal sealed class TimerQueue
{
    // The system's timer does not notice when the clock is set, so a timer can be late by this much.
    private static readonly TimeSpan LongestSleep = TimeSpan.FromSeconds(5);

    private readonly EngineLoop _loop;
    private readonly ITimer _clock;
    private readonly PriorityQueue<Action, DateTimeOffset> _due = new();
    private DateTimeOffset _wakeAt = DateTimeOffset.MaxValue;

    public TimerQueue(EngineLoop loop)
    {
        _loop = loop;
        _clock = loop.Time.CreateTimer(
            _ => loop.Post(Fire), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Runs an action on the engine's thread at a time, never before it.</summary>
    public void At(DateTimeOffset moment, Action action)
    {
        _due.Enqueue(action, moment);
        if (moment < _wakeAt)
        {
            Sleep(moment);
        }
    }

    /// <summary>Fires due actions even if the system's timer has not fired: the clock was set forwards, or the timer is
    /// late.</summary>
    public void FireIfDue()
    {
        if (_wakeAt <= _loop.Time.GetUtcNow())
        {
            Fire();
        }
    }

    /// <summary>Stops firing.</summary>
    public ValueTask StopAsync() => _clock.DisposeAsync();

    private void Sleep(DateTimeOffset until)
    {
        _wakeAt = until;
        TimeSpan delay = until - _loop.Time.GetUtcNow();
        // Clocks round down; a millisecond more avoids a second wake-up.
        _clock.Change(
            delay <= TimeSpan.Zero ? TimeSpan.Zero
                : delay > LongestSleep ? LongestSleep : delay + TimeSpan.FromMilliseconds(1),
            Timeout.InfiniteTimeSpan);
    }

    private void Fire()
    {
        if (_loop.IsStopping)
        {
            return;
        }

        DateTimeOffset now = _loop.Time.GetUtcNow();
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
}
