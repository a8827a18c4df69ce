using System.Text.Json;
using Workflows.Activities.Reporting;

namespace Workflows.Activities.Storage;

/// <summary>
/// Stores the state of one service in its folder, a file for each name. The folder's lock keeps other services out, so
/// that the locks below are those of this process.
/// </summary>
public sealed class FolderState : IStateStore
{
    private readonly string _folder;
    private readonly RecentlyUsed<FactFile> _facts;
    private readonly Lock _documents = new();
    private readonly NamedLocks _locks = new();

    /// <summary>Opens the folder.</summary>
    /// <param name="folder">The folder, which is made if it is missing.</param>
    public FolderState(string folder)
    {
        _folder = Path.GetFullPath(folder);
        _facts = new RecentlyUsed<FactFile>(name => new FactFile(PathOf(name)));
    }

    /// <inheritdoc />
    public bool IsShared => false;

    /// <inheritdoc />
    public bool HasFacts(string name) => File.Exists(PathOf(name));

    /// <inheritdoc />
    public bool AppendFact(string name, LedgerEntry fact)
    {
        MakeFolderOf(PathOf(name));
        return FileOf(name).Append(fact);
    }

    /// <inheritdoc />
    public IReadOnlyList<LedgerEntry> ReadFacts(string name) => HasFacts(name) ? FileOf(name).Snapshot() : [];

    /// <inheritdoc />
    public LedgerEntry? FindFact(string name, string kind)
    {
        try
        {
            foreach (var line in ReadLines(name))
            {
                if (line.Contains(kind, StringComparison.Ordinal)
                    && JsonSerializer.Deserialize<LedgerEntry>(line, RunLedger.Json) is { } entry && entry.Kind == kind)
                {
                    return entry;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            // The line is incomplete while it is written, or the file is not readable now: a later look reads it.
        }

        return null;
    }

    /// <inheritdoc />
    public void ReplaceFacts(string name, IReadOnlyList<LedgerEntry> facts)
    {
        var path = PathOf(name);
        MakeFolderOf(path);
        var aside = path + ".new";
        using (var file = new FileStream(aside, FileMode.Create, FileAccess.Write))
        {
            foreach (var fact in facts)
            {
                JsonSerializer.Serialize(file, fact, RunLedger.Json);
                file.WriteByte((byte)'\n');
            }

            file.Flush(flushToDisk: true);
        }

        File.Move(aside, path, overwrite: true);
        _facts.Forget(name);
    }

    /// <inheritdoc />
    public string? SetAside(string name)
    {
        var copy = PathOf(name) + ".damaged";
        try
        {
            File.Copy(PathOf(name), copy, overwrite: true);
            return copy;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <inheritdoc />
    public IEnumerable<FactsInfo> ListFacts(string folder, string file)
    {
        var path = PathOf(folder);
        foreach (var each in Directory.Exists(path) ? Directory.EnumerateDirectories(path) : [])
        {
            var facts = new FileInfo(Path.Combine(each, file));
            if (facts.Exists)
            {
                yield return new FactsInfo($"{folder}/{Path.GetFileName(each)}/{file}", facts.LastWriteTimeUtc);
            }
        }
    }

    /// <inheritdoc />
    public void AppendLine(string name, string line, long mostBytes)
    {
        var path = PathOf(name);
        MakeFolderOf(path);
        if (!File.Exists(path) || new FileInfo(path).Length < mostBytes)
        {
            File.AppendAllText(path, line + "\n");
        }
    }

    /// <inheritdoc />
    public IEnumerable<string> ReadLines(string name) => LinesOf(PathOf(name));

    /// <inheritdoc />
    public byte[]? Read(string name)
    {
        try
        {
            return File.ReadAllBytes(PathOf(name));
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <inheritdoc />
    public void Write(string name, byte[] content)
    {
        lock (_documents)
        {
            Store(name, content);
        }
    }

    /// <inheritdoc />
    public byte[]? Create(string name, byte[] content)
    {
        lock (_documents)
        {
            if (Read(name) is { } there)
            {
                return there;
            }

            Store(name, content);
            return null;
        }
    }

    /// <inheritdoc />
    public void Change(string name, Func<byte[]?, byte[]?> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        lock (_documents)
        {
            if (change(Read(name)) is { } content)
            {
                Store(name, content);
            }
        }
    }

    /// <inheritdoc />
    public bool Delete(string name)
    {
        lock (_documents)
        {
            var path = PathOf(name);
            var isThere = File.Exists(path);
            if (isThere)
            {
                File.Delete(path);
            }

            return isThere;
        }
    }

    /// <inheritdoc />
    public int DeleteAll(string folder, byte[] content)
    {
        ArgumentNullException.ThrowIfNull(content);
        lock (_documents)
        {
            var count = 0;
            var path = PathOf(folder);
            foreach (var file in Directory.Exists(path) ? Directory.GetFiles(path) : [])
            {
                if (new FileInfo(file).Length == content.Length
                    && content.AsSpan().SequenceEqual(File.ReadAllBytes(file)))
                {
                    File.Delete(file);
                    count++;
                }
            }

            return count;
        }
    }

    /// <inheritdoc />
    public int DeleteBefore(string folder, DateTimeOffset time)
    {
        lock (_documents)
        {
            var count = 0;
            var path = PathOf(folder);
            foreach (var file in Directory.Exists(path) ? Directory.GetFiles(path) : [])
            {
                if (File.GetLastWriteTimeUtc(file) < time)
                {
                    File.Delete(file);
                    count++;
                }
            }

            return count;
        }
    }

    /// <inheritdoc />
    public int TrimFacts(string name, DateTimeOffset time)
    {
        // Only files that are no ledger, which nobody else has open: those of notes between services.
        var all = ReadFacts(name);
        var kept = all.Where((fact, at) => fact.At >= time || at == all.Count - 1).ToList();
        if (kept.Count < all.Count)
        {
            ReplaceFacts(name, kept);
        }

        return all.Count - kept.Count;
    }

    /// <inheritdoc />
    public void Purge(string folder, string last)
    {
        var (path, kept) = (PathOf(folder), PathOf($"{folder}/{last}"));
        if (Directory.Exists(path))
        {
            foreach (var entry in Directory.EnumerateFileSystemEntries(path).Where(entry => entry != kept))
            {
                if (Directory.Exists(entry) && new DirectoryInfo(entry).LinkTarget is null)
                {
                    Directory.Delete(entry, recursive: true);
                }
                else
                {
                    File.Delete(entry);
                }
            }

            Directory.Delete(path, recursive: true);
        }

        _facts.Forget($"{folder}/{last}");
    }

    /// <inheritdoc />
    public Task<IDisposable> AloneAsync(string name, CancellationToken cancellation) =>
        _locks.WaitAsync(name, cancellation);

    /// <summary>Reads the lines of a file that may be written meanwhile.</summary>
    /// <param name="path">The file; a missing one has no lines.</param>
    /// <returns>The lines.</returns>
    internal static IEnumerable<string> LinesOf(string path)
    {
        if (!File.Exists(path))
        {
            yield break;
        }

        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        if (!stream.CanSeek || stream.Length == 0)
        {
            // Not a file, but a device or a pipe, whose lines may never end.
            yield break;
        }

        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            yield return line;
        }
    }

    private static void MakeFolderOf(string path) => Directory.CreateDirectory(Path.GetDirectoryName(path)!);

    /// <summary>Writes the file beside the old one and renames it, so that one of them is whole.</summary>
    private void Store(string name, byte[] content)
    {
        var path = PathOf(name);
        MakeFolderOf(path);
        var aside = path + ".new";
        using (var file = new FileStream(aside, FileMode.Create, FileAccess.Write))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }

        File.Move(aside, path, overwrite: true);
    }

    private string PathOf(string name) => Path.Combine(_folder, name);

    private FactFile FileOf(string name) => _facts.Get(name);
}
