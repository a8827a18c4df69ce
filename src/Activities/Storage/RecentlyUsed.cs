using System.Collections.Concurrent;

namespace Workflows.Activities.Storage;

/// <summary>
/// Keeps the things that were used last in memory, and opens the others again when they are needed: a service has the
/// ledgers of months, some tens of kilobytes each. Thread-safe. <b>Invariant:</b> a thing that anybody uses is open
/// once, since it may be its own lock.
/// </summary>
/// <typeparam name="T">A thing.</typeparam>
/// <param name="open">Opens a thing by its name.</param>
/// <param name="most">Most things that are kept while nobody uses them.</param>
public sealed class RecentlyUsed<T>(Func<string, T> open, int most = RecentlyUsed<T>.Most)
    where T : class
{
    /// <summary>Most ledgers that are kept: those of a page of the list, and of the runs under way.</summary>
    private const int Most = 1000;

    private readonly ConcurrentDictionary<string, Kept> _things = new(StringComparer.Ordinal);
    private readonly Lock _trimming = new();
    private int _count;
    private long _uses;

    /// <summary>Returns a thing, which is opened if it is not in memory.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>The thing.</returns>
    public T Get(string name)
    {
        while (true)
        {
            var kept = _things.GetOrAdd(name, _ => new Kept());
            var (thing, isNew) = kept.Use(() => open(name), Interlocked.Increment(ref _uses));
            if (isNew && Interlocked.Increment(ref _count) > most)
            {
                Trim();
            }

            if (thing is not null)
            {
                return thing;
            }

            // It was forgotten since the look for it, or while it was opened: the next one is there for everybody.
        }
    }

    /// <summary>Forgets a thing that was deleted or replaced.</summary>
    /// <param name="name">Its name.</param>
    public void Forget(string name)
    {
        if (_things.TryRemove(name, out var kept) && kept.Drop(isForEver: true))
        {
            Interlocked.Decrement(ref _count);
        }
    }

    /// <summary>Lets go of the quarter that was not used for the longest time.</summary>
    private void Trim()
    {
        lock (_trimming)
        {
            if (Volatile.Read(ref _count) <= most)
            {
                return;
            }

            foreach (var kept in _things.Values.Where(each => each.IsHeld).OrderBy(each => each.UsedAt)
                .Take(Math.Max(1, most / 4)).ToList())
            {
                if (kept.Drop())
                {
                    Interlocked.Decrement(ref _count);
                }
            }
        }
    }

    /// <summary>A thing, which is in memory for as long as it is held or used.</summary>
    private sealed class Kept
    {
        private readonly Lock _lock = new();
        private readonly WeakReference<T> _used = new(null!);
        private volatile T? _held;
        private long _usedAt;
        private bool _isForgotten;

        public bool IsHeld => _held is not null;

        public long UsedAt => Volatile.Read(ref _usedAt);

        /// <returns>The thing, null if it was forgotten; and whether it is held from now on.</returns>
        public (T? Thing, bool IsNew) Use(Func<T> open, long now)
        {
            Volatile.Write(ref _usedAt, now);
            if (_held is { } held)
            {
                return (held, false);
            }

            lock (_lock)
            {
                if (_held is { } other)
                {
                    return (other, false);
                }

                T? thing = null;
                if (!_isForgotten && !_used.TryGetTarget(out thing))
                {
                    thing = open();
                    _used.SetTarget(thing);
                }

                if (_isForgotten)
                {
                    return (null, false);
                }

                _held = thing;
                return (thing, true);
            }
        }

        /// <returns>false if it was not held.</returns>
        public bool Drop(bool isForEver = false)
        {
            lock (_lock)
            {
                _isForgotten |= isForEver;
                var wasHeld = _held is not null;
                _held = null;
                return wasHeld;
            }
        }
    }
}
