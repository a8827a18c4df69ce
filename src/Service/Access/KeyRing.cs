namespace Workflows.Service.Access;

/// <summary>
/// Looks keys up for a running service, and reads their file again when it has changed: a key that was made or revoked
/// counts from the next request on.
/// </summary>
internal sealed class KeyRing(KeyFile file, TimeProvider clock)
{
    private readonly Lock _lock = new();
    private State _state = new(default, null);

    /// <summary>Finds a key by the text that a caller sent.</summary>
    /// <returns>null if there is no such key, or its secret is another one. It may have expired.</returns>
    /// <exception cref="KeyFileException">The keys cannot be read.</exception>
    public AccessKey? Find(string text) =>
        AccessKey.IdOf(text) is { } id && Keys().TryGetValue(id, out var key) && key.IsRight(text) ? key : null;

    /// <summary>Finds a key that is still valid.</summary>
    /// <param name="id">Its id.</param>
    /// <exception cref="KeyFileException">The keys cannot be read.</exception>
    public AccessKey? FindValid(string id) =>
        Keys().TryGetValue(id, out var key) && !key.HasExpired(clock.GetUtcNow()) ? key : null;

    /// <summary>Returns whether there is any key.</summary>
    public bool HasAny => Keys().Count > 0;

    private Dictionary<string, AccessKey> Keys()
    {
        var stamp = file.Stamp;
        var state = Volatile.Read(ref _state);
        if (state.Keys is { } known && state.Stamp == stamp)
        {
            return known;
        }

        lock (_lock)
        {
            // The stamp from before the reading: a change meanwhile is read again at the next request.
            var keys = file.Read().DistinctBy(key => key.Id).ToDictionary(key => key.Id, StringComparer.Ordinal);
            Volatile.Write(ref _state, new State(stamp, keys));
            return keys;
        }
    }

    private sealed record State((long, long) Stamp, Dictionary<string, AccessKey>? Keys);
}
