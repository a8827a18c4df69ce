namespace Workflows.TestKit.Pjrt;

/// <summary>Objects of the fake plugin by their addresses; every misuse is written down.</summary>
internal sealed class FakeObjects(ICollection<string> violations)
{
    private const int InvalidArgument = 3;

    private readonly Dictionary<nint, object> _live = [];
    private readonly Dictionary<nint, string> _gone = [];
    private nint _next = 0x1000;

    /// <summary>Gets the objects that were made, by their kinds.</summary>
    public Dictionary<string, int> Made { get; } = new(StringComparer.Ordinal);

    /// <summary>Gets the objects that are not destroyed, by their kinds.</summary>
    public IEnumerable<object> Live => _live.Values;

    /// <summary>Adds an object.</summary>
    /// <returns>Its address, which no object ever had before.</returns>
    public nint Add(object thing)
    {
        Made[thing.GetType().Name] = Made.GetValueOrDefault(thing.GetType().Name) + 1;
        _next += 16;
        _live.Add(_next, thing);
        return _next;
    }

    /// <summary>Finds a live object.</summary>
    public T Get<T>(nint address)
        where T : class
    {
        if (_live.TryGetValue(address, out var thing) && thing is T found)
        {
            return found;
        }

        var problem = _gone.TryGetValue(address, out var kind)
            ? $"A {kind} was used after it was destroyed."
            : $"{address:x} is no {typeof(T).Name}.";
        violations.Add(problem);
        throw new FakeErrorException(InvalidArgument, problem);
    }

    /// <summary>Destroys an object.</summary>
    public T Remove<T>(nint address)
        where T : class
    {
        var found = Get<T>(address);
        _live.Remove(address);
        _gone.Add(address, typeof(T).Name);
        return found;
    }
}
