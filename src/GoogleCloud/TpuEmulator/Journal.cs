using System.Text.Json;
using System.Text.Json.Serialization;

namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>
/// Stores changes in a file of JSON lines, so that a change costs its own size and not that of everything stored. The
/// first line counts the lines that were written with it as a whole; the others were appended. <b>Invariant:</b> a
/// change is on disk before <see cref="Append" /> returns, and one whose write failed leaves nothing behind.
/// </summary>
/// <typeparam name="T">A change.</typeparam>
/// <param name="path">The file.</param>
internal sealed class Journal<T>(string path)
    where T : class
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    // Below this size, writing everything anew gains nothing.
    private const long SmallestGrowth = 1 << 20;

    // Null until the first Replace, whose head tells a file that was cut off from one that is whole.
    private long? _length;
    private long _wholeLength;

    /// <summary>Gets a value indicating whether most of the file is changes of changes, so that
    /// <see cref="Replace" /> makes it smaller.</summary>
    public bool IsGrown => _length - _wholeLength > Math.Max(SmallestGrowth, 4 * _wholeLength);

    /// <summary>Reads the changes, oldest first; none if there is no file.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public IReadOnlyList<T> Read()
    {
        if (!File.Exists(path))
        {
            return [];
        }

        // A crash left an incomplete last line; its write never returned.
        var text = File.ReadAllText(path);
        var lines = text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var changes = new List<T>();
        var first = 0;
        for (var at = 0; at < lines.Length; at++)
        {
            try
            {
                if (at == 0 && JsonSerializer.Deserialize<Head>(lines[0], Json)?.Whole is { } whole)
                {
                    first = whole + 1;
                    continue;
                }

                changes.Add(JsonSerializer.Deserialize<T>(lines[at], Json)
                    ?? throw new JsonException("null is no change"));
            }
            catch (JsonException fault)
            {
                throw Damaged($"line {at + 1}: {fault.Message}", fault);
            }
        }

        return lines.Length > 0 && lines.Length >= first
            ? changes
            : throw Damaged($"{lines.Length} whole lines, expected {Math.Max(first, 1)} or more", null);
    }

    /// <summary>Appends changes, all or none; <see cref="Replace" /> comes first.</summary>
    /// <exception cref="IOException">The disk refuses them.</exception>
    public void Append(IEnumerable<T> changes)
    {
        var end = _length ?? throw new InvalidOperationException($"'{path}' was not written yet.");
        using var buffer = new MemoryStream();
        foreach (var change in changes)
        {
            Write(buffer, change);
        }

        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.Read);

        // Cuts off what an earlier write left when the disk refused the rest of it.
        RandomAccess.SetLength(handle, end);
        RandomAccess.Write(handle, buffer.GetBuffer().AsSpan(0, (int)buffer.Length), end);
        RandomAccess.FlushToDisk(handle);
        _length = end + buffer.Length;
    }

    /// <summary>Replaces the file by one that has these changes only.</summary>
    /// <exception cref="IOException">The disk refuses it; the old file stays.</exception>
    public void Replace(IReadOnlyCollection<T> changes)
    {
        var aside = path + ".new";
        using (var file = new FileStream(aside, FileMode.Create, FileAccess.Write))
        {
            Write(file, new Head(changes.Count));
            foreach (var change in changes)
            {
                Write(file, change);
            }

            file.Flush(flushToDisk: true);
            _wholeLength = file.Length;
        }

        File.Move(aside, path, overwrite: true);
        _length = _wholeLength;
    }

    private static void Write<TLine>(Stream stream, TLine line)
    {
        JsonSerializer.Serialize(stream, line, Json);
        stream.WriteByte((byte)'\n');
    }

    private InvalidDataException Damaged(string fault, Exception? inner) => new(
        $"'{path}' is damaged ({fault}); restore it, or delete it to begin with nothing in it.", inner);

    private sealed record Head(int? Whole);
}
