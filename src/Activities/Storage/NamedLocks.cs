using System.Collections.Concurrent;

namespace Workflows.Activities.Storage;

/// <summary>Locks of one process by name. A lock is never removed, so there must be few names.</summary>
public sealed class NamedLocks
{
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _locks = new(StringComparer.Ordinal);

    /// <summary>Waits until no other caller holds a name.</summary>
    /// <param name="name">The name.</param>
    /// <param name="cancellation">Cancels the wait.</param>
    /// <returns>To be disposed of at the end, once.</returns>
    public async Task<IDisposable> WaitAsync(string name, CancellationToken cancellation)
    {
        var one = _locks.GetOrAdd(name, _ => new SemaphoreSlim(1));
        await one.WaitAsync(cancellation);
        return new Held(one);
    }

    private sealed class Held(SemaphoreSlim one) : IDisposable
    {
        public void Dispose() => one.Release();
    }
}
