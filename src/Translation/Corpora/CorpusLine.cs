using System.Text;

namespace Workflows.Translation.Corpora;

/// <summary>One line of a file, or why it cannot be one.</summary>
internal readonly record struct CorpusLine(long Number, string Text, RowFault? Fault)
{
    private const int BufferBytes = 1 << 16;

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <summary>Lines by "\n" or "\r\n", without a byte order mark; gzip where the name says so.</summary>
    public static IEnumerable<CorpusLine> Read(string path, int maxLineBytes)
    {
        using var stream = Open(path);
        var buffer = new byte[BufferBytes];
        var line = new MemoryStream();
        var isTooLong = false;
        var number = 0L;
        int count;
        while ((count = Fill(path, stream, buffer)) > 0)
        {
            var start = 0;
            while (start < count)
            {
                var end = Array.IndexOf(buffer, (byte)'\n', start, count - start);
                var length = (end < 0 ? count : end) - start;
                isTooLong |= line.Length + length > maxLineBytes;
                // What is too long is not kept, except a beginning for the sample.
                line.Write(buffer, start, isTooLong ? (int)Math.Clamp(256 - line.Length, 0, length) : length);
                if (end < 0)
                {
                    break;
                }

                yield return Create(++number, line, isTooLong);
                line.SetLength(0);
                isTooLong = false;
                start = end + 1;
            }
        }

        if (line.Length > 0)
        {
            yield return Create(++number, line, isTooLong);
        }
    }

    /// <summary>A file's content; its end is an <see cref="InvalidDataException"/> where gzip is not whole.</summary>
    public static Stream Open(string path)
    {
        try
        {
            var file = File.OpenRead(path);
            return path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase)
                ? new WholeGzipStream(file) : file;
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CorpusException(CorpusError.FileNotFound, path, "there is no such file.", null, error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException(CorpusError.FileUnreadable, path, error.Message, null, error);
        }
    }

    private static int Fill(string path, Stream stream, byte[] buffer)
    {
        try
        {
            return stream.Read(buffer);
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new CorpusException(CorpusError.FileUnreadable, path, error.Message, null, error);
        }
    }

    private static CorpusLine Create(long number, MemoryStream line, bool isTooLong)
    {
        ReadOnlySpan<byte> bytes = line.GetBuffer().AsSpan(0, (int)line.Length);
        if (number == 1 && bytes.StartsWith(Encoding.UTF8.Preamble))
        {
            bytes = bytes[3..];
        }

        if (bytes.EndsWith("\r"u8))
        {
            bytes = bytes[..^1];
        }

        if (isTooLong)
        {
            return new CorpusLine(number, Encoding.UTF8.GetString(bytes), RowFault.LineTooLong);
        }

        try
        {
            return new CorpusLine(number, Strict.GetString(bytes), null);
        }
        catch (DecoderFallbackException)
        {
            return new CorpusLine(number, Encoding.UTF8.GetString(bytes), RowFault.InvalidUtf8);
        }
    }
}
