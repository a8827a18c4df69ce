namespace Workflows.TpuWorker.Gemma3.Model;

/// <summary>Keeps the most recently used compiled programs, and disposes the others.</summary>
/// <param name="capacity">Number of programs that are kept; chosen by the owner so that they fit in memory.</param>
internal sealed class ProgramCache<TKey, TProgram>(int capacity) : IDisposable
    where TKey : notnull
    where TProgram : IDisposable
{
    private readonly Dictionary<TKey, TProgram> _programs = [];
    private readonly List<TKey> _recent = [];

    /// <summary>
    /// Returns the program of a key, compiled if it is not kept. It lives until capacity other keys were requested.
    /// </summary>
    public TProgram Get(TKey key, Func<TKey, TProgram> compile)
    {
        _recent.Remove(key);
        _recent.Add(key);
        if (_programs.TryGetValue(key, out var known))
        {
            return known;
        }

        if (_programs.Count == capacity)
        {
            _programs.Remove(_recent[0], out var oldest);
            oldest!.Dispose();
            _recent.RemoveAt(0);
        }

        var program = compile(key);
        _programs.Add(key, program);
        return program;
    }

    public void Dispose()
    {
        foreach (var program in _programs.Values)
        {
            program.Dispose();
        }

        _programs.Clear();
        _recent.Clear();
    }
}
