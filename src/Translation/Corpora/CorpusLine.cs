using System.Text;

namespace Workflows.Translation.Corpora;

/// <summary>One line of a file, or the reason why it is not valid.</summary>
internal readonly record struct CorpusLine(long Number, string Text, RowFault? Fault)
{
    private const int BufferBytes = 1 << 16, HeadBytes = 1 << 20;

    /// <summary>Bytes of a too long line that are kept for the sample.</summary>
    public const int SampleBytes = 256;

    /// <summary>
    /// Splits lines at "\n" or "\r\n", or at "\r" if a file has no other; skips a byte order mark; unpacks gzip if the
    /// name ends so.
    /// </summary>
    public static IEnumerable<CorpusLine> Read(string path, RowCollector rows)
    {
        using var stream = CorpusStream.OpenText(path, rows);
        var check = new EncodingCheck(path);
        var buffer = new byte[BufferBytes];
        var line = new MemoryStream();
        var isTooLong = false;
        var number = 0L;
        byte lineBreak = 0;
        int count;
        while ((count = CorpusStream.Read(path, () => stream.Read(buffer))) > 0)
        {
            lineBreak = lineBreak == 0 ? LineBreak(path, buffer.AsSpan(0, count)) : lineBreak;
            var start = 0;
            while (start < count)
            {
                var end = Array.IndexOf(buffer, lineBreak, start, count - start);
                var length = (end < 0 ? count : end) - start;
                isTooLong |= line.Length + length > rows.Options.MaxLineBytes;
                // A too long line is not kept, except its beginning for the sample.
                line.Write(buffer, start, isTooLong ? (int)Math.Clamp(SampleBytes - line.Length, 0, length) : length);
                if (end < 0)
                {
                    break;
                }

                yield return Create(++number, line, isTooLong, check);
                line.SetLength(0);
                isTooLong = false;
                start = end + 1;
            }
        }

        if (line.Length > 0)
        {
            yield return Create(++number, line, isTooLong, check);
        }

        check.Finish();
    }

    /// <summary>Decodes the text of bytes, or returns the reason why they are not valid.</summary>
    public static CorpusLine Create(long number, ReadOnlySpan<byte> bytes, bool isTooLong, EncodingCheck check) => new(
        number, Encoding.UTF8.GetString(bytes),
        isTooLong ? RowFault.LineTooLong : check.IsUtf8(bytes) ? null : RowFault.InvalidUtf8);

    // Old Macintosh programs end lines with a carriage return alone. In a file with line feeds it is text.
    private static byte LineBreak(string path, ReadOnlySpan<byte> beginning)
    {
        if (beginning.Contains((byte)'\n'))
        {
            return (byte)'\n';
        }

        var head = CorpusStream.Head(path, HeadBytes).AsSpan();
        return head.Contains((byte)'\r') && !head.Contains((byte)'\n') ? (byte)'\r' : (byte)'\n';
    }

    private static CorpusLine Create(long number, MemoryStream line, bool isTooLong, EncodingCheck check)
    {
        ReadOnlySpan<byte> bytes = line.GetBuffer().AsSpan(0, (int)line.Length);
        if (number == 1 && bytes.StartsWith(Encoding.UTF8.Preamble))
        {
            bytes = bytes[3..];
        }

        return Create(number, bytes.EndsWith("\r"u8) ? bytes[..^1] : bytes, isTooLong, check);
    }
}
