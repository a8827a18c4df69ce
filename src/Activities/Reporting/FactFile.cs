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

    /// <summary>Opens a file, which need not exist; an incomplete last line is cut off.</summary>
    public FactFile(string path)
    {
        _path = path;
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
            Remember(JsonSerializer.Deserialize<LedgerEntry>(line, RunLedger.Json)!);
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

            using (var file = new FileStream(_path, FileMode.Append, FileAccess.Write, FileShare.Read))
            {
                file.Write(JsonSerializer.SerializeToUtf8Bytes(entry, RunLedger.Json));
                file.WriteByte((byte)'\n');
                file.Flush(flushToDisk: true);
            }

            Remember(entry);
            return true;
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
