using System.Text.Json;

namespace Workflows.Activities.Reporting;

/// <summary>
/// A file of facts, one JSON line each, on disk before a write returns. <b>Invariant:</b> append-only; a key is written
/// once within its kind.
/// </summary>
internal sealed class FactFile
{
    private readonly Lock _lock = new();
    private readonly string _path;
    private readonly List<LedgerEntry> _entries = [];
    private readonly HashSet<(string Kind, string Key)> _keys = [];
    private readonly Func<string, FileMode, Stream> _open;

    /// <summary>
    /// The lengths before a line that the disk did not take whole, and with all of it; null if there is none.
    /// </summary>
    private (long Before, long With)? _torn;

    /// <summary>Opens a file, which need not exist; an incomplete last line is cut off.</summary>
    /// <param name="path">The file.</param>
    /// <param name="open">Opens it for writing; null for the disk's own file.</param>
    public FactFile(string path, Func<string, FileMode, Stream>? open = null)
    {
        (_path, _open) = (path, open ?? OnDisk);
        if (!File.Exists(path))
        {
            return;
        }

        var text = File.ReadAllText(path);
        var whole = text.LastIndexOf('\n') + 1;
        if (whole < text.Length)
        {
            // A crash left an incomplete last line; its write never returned, so its writer repeats it.
            using var file = new FileStream(path, FileMode.Open, FileAccess.Write);
            file.SetLength(System.Text.Encoding.UTF8.GetByteCount(text.AsSpan(0, whole)));
        }

        foreach (var line in text[..whole].Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            Remember(JsonSerializer.Deserialize<LedgerEntry>(line, RunLedger.Json)
                ?? throw new JsonException($"'{path}' has a line that is null."));
        }
    }

    /// <summary>Writes a fact, unless its key exists already.</summary>
    public bool Append(LedgerEntry entry)
    {
        lock (_lock)
        {
            if (_keys.Contains((entry.Kind, entry.Key)))
            {
                return false;
            }

            Write([.. JsonSerializer.SerializeToUtf8Bytes(entry, RunLedger.Json), (byte)'\n']);
            Remember(entry);
            return true;
        }
    }

    // Without a buffer, which would write the rest of a failed line when it is disposed.
    private static FileStream OnDisk(string path, FileMode mode) =>
        new(path, mode, FileAccess.Write, FileShare.Read, bufferSize: 0);

    /// <summary>
    /// Writes a line whole or not at all: on a full disk its beginning may be written, and the next line would follow
    /// it within one line.
    /// </summary>
    private void Write(byte[] line)
    {
        if (_torn is { } torn)
        {
            using var cut = _open(_path, FileMode.OpenOrCreate);

            // A longer file is another one, of which nothing is cut.
            if (cut.Length > torn.Before && cut.Length <= torn.With)
            {
                cut.SetLength(torn.Before);
            }

            _torn = null;
        }

        using var file = _open(_path, FileMode.Append);
        var before = file.Length;
        try
        {
            file.Write(line);
            Flush(file);
        }
        catch (IOException)
        {
            _torn = (before, before + line.Length);
            throw;
        }
    }

    private static void Flush(Stream file)
    {
        if (file is FileStream onDisk)
        {
            onDisk.Flush(flushToDisk: true);
        }
    }

    /// <summary>Returns the facts in the order in which they were written.</summary>
    public IReadOnlyList<LedgerEntry> Snapshot()
    {
        lock (_lock)
        {
            return [.. _entries];
        }
    }

    private void Remember(LedgerEntry entry)
    {
        if (_keys.Add((entry.Kind, entry.Key)))
        {
            _entries.Add(entry);
        }
    }
}
