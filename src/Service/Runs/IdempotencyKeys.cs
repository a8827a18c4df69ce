using System.Security.Cryptography;
using System.Text;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>
/// Stores the run that each key started, since a request with an id of its own has no other link to its key. Each key
/// is one small file, named by the key's hash. <b>Invariant:</b> a key is written before its run is started, and
/// belongs to that run for as long as the run exists.
/// </summary>
internal sealed class IdempotencyKeys(string stateDirectory)
{
    private readonly string _folder = Path.Combine(Path.GetFullPath(stateDirectory), "keys");
    private readonly Lock _lock = new();

    /// <summary>Looks up the run of a key.</summary>
    /// <param name="key">The key, as it was sent.</param>
    /// <returns>The run; null for a key that started none, or one of an earlier version of this service.</returns>
    public RunId? Find(string key)
    {
        try
        {
            return RunId.TryParse(File.ReadAllText(PathOf(key)), out var id) ? id : null;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Assigns a key to a run, unless it belongs to one already.</summary>
    /// <param name="key">The key.</param>
    /// <param name="id">The run that is about to be started.</param>
    /// <returns>The run of the key, and whether this call assigned it.</returns>
    public (RunId Run, bool IsNew) Claim(string key, RunId id)
    {
        lock (_lock)
        {
            if (Find(key) is { } known)
            {
                return (known, false);
            }

            Write(key, id);
            return (id, true);
        }
    }

    /// <summary>Assigns a key to another run, because its first run was never created.</summary>
    /// <param name="key">The key.</param>
    /// <param name="id">The run that is about to be started.</param>
    public void Replace(string key, RunId id)
    {
        lock (_lock)
        {
            Write(key, id);
        }
    }

    /// <summary>Frees a key whose request was refused and so started nothing.</summary>
    /// <param name="key">The key.</param>
    public void Release(string key)
    {
        lock (_lock)
        {
            File.Delete(PathOf(key));
        }
    }

    /// <summary>Frees every key of a run that is purged.</summary>
    /// <param name="id">The run.</param>
    /// <returns>The number of its keys.</returns>
    public int ReleaseAll(RunId id)
    {
        lock (_lock)
        {
            var paths = Directory.Exists(_folder)
                ? Directory.EnumerateFiles(_folder).Where(path => IsOf(path, id)).ToList() : [];
            paths.ForEach(File.Delete);
            return paths.Count;
        }
    }

    private static bool IsOf(string path, RunId id) =>
        new FileInfo(path).Length == Encoding.UTF8.GetByteCount(id.Value) && File.ReadAllText(path) == id.Value;

    private void Write(string key, RunId id)
    {
        Directory.CreateDirectory(_folder);
        var (path, aside) = (PathOf(key), $"{PathOf(key)}.new");
        using (var file = new FileStream(aside, FileMode.Create, FileAccess.Write))
        {
            file.Write(Encoding.UTF8.GetBytes(id.Value));
            file.Flush(flushToDisk: true);
        }

        File.Move(aside, path, overwrite: true);
    }

    private string PathOf(string key) =>
        Path.Combine(_folder, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key))));
}
