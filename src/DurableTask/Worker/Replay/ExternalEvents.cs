namespace Microsoft.DurableTask.Worker.Replay;

/// <summary>Events that came early, first in first out by name, and waits for events, newest first.</summary>
internal sealed class ExternalEvents
{
    private readonly Dictionary<string, Queue<string?>> _early = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, List<Waiter>> _waiters = new(StringComparer.OrdinalIgnoreCase);

    public Task<string?> Wait(string name, Type type, CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested)
        {
            return Task.FromCanceled<string?>(cancellation);
        }

        if (_early.TryGetValue(name, out Queue<string?>? queue) && queue.TryDequeue(out string? payload))
        {
            return Task.FromResult(payload);
        }

        if (!_waiters.TryGetValue(name, out List<Waiter>? waiters))
        {
            _waiters[name] = waiters = [];
        }

        if (waiters.Find(waiter => waiter.Type != type && !waiter.Source.Task.IsCompleted) is { } other)
        {
            throw new ArgumentException(
                $"Event '{name}' is awaited as '{other.Type}' and cannot be awaited as '{type}' at the same time.",
                nameof(type));
        }

        var added = new Waiter(type, new TaskCompletionSource<string?>());
        waiters.Add(added);
        if (cancellation.CanBeCanceled)
        {
            cancellation.Register(() => added.Source.TrySetCanceled(cancellation));
        }

        return added.Source.Task;
    }

    public void Raise(string name, string? payload)
    {
        if (_waiters.TryGetValue(name, out List<Waiter>? waiters))
        {
            while (waiters.Count > 0)
            {
                Waiter newest = waiters[^1];
                waiters.RemoveAt(waiters.Count - 1);
                // A cancelled wait must not swallow the event.
                if (newest.Source.TrySetResult(payload))
                {
                    return;
                }
            }
        }

        if (!_early.TryGetValue(name, out Queue<string?>? queue))
        {
            _early[name] = queue = new Queue<string?>();
        }

        queue.Enqueue(payload);
    }

    public IEnumerable<(string Name, string? Payload)> TakeUnread()
    {
        foreach ((string name, Queue<string?> queue) in _early)
        {
            while (queue.TryDequeue(out string? payload))
            {
                yield return (name, payload);
            }
        }
    }

    private sealed record Waiter(Type Type, TaskCompletionSource<string?> Source);
}
