using System.Text.Json;
using Workflows.Activities.Reporting;

namespace Workflows.Service.Logs;

/// <summary>
/// Reads a file of log lines, one JSON object each in the order of their sequence numbers, in blocks: from its end, or
/// from a number on. A line that cannot be read, such as a half-written last one, is left out.
/// </summary>
internal static class LogFile
{
    private const int Block = 64 << 10;

    /// <summary>A line with more bytes is none of this service, and is passed over.</summary>
    private const int MostLineBytes = 256 << 10;

    /// <summary>Opens a file that may be written, renamed and deleted meanwhile; null if it is not there.</summary>
    public static FileStream? TryOpen(string path)
    {
        try
        {
            return new FileStream(
                path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Reads the lines from the end to the beginning.</summary>
    public static IEnumerable<LogLine> Backward(Stream file)
    {
        var position = file.Length;
        byte[] rest = [];
        var isTooLong = false;
        while (position > 0)
        {
            var count = (int)Math.Min(Block, position);
            position -= count;
            var bytes = new byte[count + rest.Length];
            file.Position = position;

            // Less than it was long if the file was cut meanwhile: its lines are gone.
            if (file.ReadAtLeast(bytes.AsSpan(0, count), count, throwOnEndOfStream: false) < count)
            {
                yield break;
            }

            rest.CopyTo(bytes, count);
            var end = bytes.Length;
            while (end > 0 && Array.LastIndexOf(bytes, (byte)'\n', end - 1, end) is >= 0 and var at)
            {
                if (!isTooLong && Parse(bytes.AsSpan((at + 1)..end)) is { } line)
                {
                    yield return line;
                }

                (end, isTooLong) = (at, false);
            }

            isTooLong |= end > MostLineBytes;
            rest = isTooLong ? [] : bytes[..end];
        }

        if (!isTooLong && Parse(rest) is { } first)
        {
            yield return first;
        }
    }

    /// <summary>Reads the lines after a sequence number, in their order.</summary>
    public static IEnumerable<LogLine> After(Stream file, long sequence)
    {
        file.Position = PlaceOf(file, sequence);
        foreach (var line in Forward(file))
        {
            if (line.Sequence > sequence)
            {
                yield return line;
            }
        }
    }

    /// <summary>Finds the start of a line with a sequence number that is not above the given one, near it.</summary>
    private static long PlaceOf(Stream file, long sequence)
    {
        var (low, high) = (0L, file.Length);
        while (high - low > Block)
        {
            var middle = low + ((high - low) / 2);
            file.Position = middle;
            if (FirstIn(file, high - middle) is { } found && found.Line.Sequence <= sequence)
            {
                low = middle + found.Offset;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    /// <summary>Finds the first line that begins behind the file's position and can be read.</summary>
    private static (LogLine Line, long Offset)? FirstIn(Stream file, long length)
    {
        var bytes = new byte[(int)Math.Min(2L * MostLineBytes, length)];
        var count = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        var start = Array.IndexOf(bytes, (byte)'\n', 0, count) + 1;
        while (start > 0 && Array.IndexOf(bytes, (byte)'\n', start, count - start) is >= 0 and var end)
        {
            if (Parse(bytes.AsSpan(start..end)) is { } line)
            {
                return (line, start);
            }

            start = end + 1;
        }

        return null;
    }

    private static IEnumerable<LogLine> Forward(Stream file)
    {
        var bytes = new byte[Block];
        byte[] rest = [];
        var isTooLong = false;
        while (file.Read(bytes) is > 0 and var count)
        {
            var start = 0;
            while (Array.IndexOf(bytes, (byte)'\n', start, count - start) is >= 0 and var end)
            {
                var line = rest.Length == 0 ? bytes[start..end] : [.. rest, .. bytes.AsSpan(start..end)];
                if (!isTooLong && Parse(line) is { } read)
                {
                    yield return read;
                }

                (rest, start, isTooLong) = ([], end + 1, false);
            }

            isTooLong |= rest.Length + count - start > MostLineBytes;
            rest = isTooLong ? [] : [.. rest, .. bytes.AsSpan(start..count)];
        }
    }

    private static LogLine? Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize<LogLine>(bytes, RunLedger.Json) is { Sequence: > 0, Text: not null } line
                ? line : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
