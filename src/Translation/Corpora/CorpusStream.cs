namespace Workflows.Translation.Corpora;

/// <summary>Opens corpus files: regular files only, unpacked if the name ends in ".gz".</summary>
internal static class CorpusStream
{
    /// <summary>Opens a file's text as UTF-8, by its byte order mark, and counts its bytes against the limit.</summary>
    public static Stream OpenText(string path, RowCollector rows) => new Utf16Stream(OpenBytes(path, rows), path);

    /// <summary>Opens a file's own bytes, and counts them against the limit.</summary>
    public static Stream OpenBytes(string path, RowCollector rows)
    {
        RequireFile(path);
        return new CountedStream(Open(path), path, rows);
    }

    /// <summary>
    /// Opens the content of a file; its end throws <see cref="InvalidDataException"/> if gzip is not complete.
    /// </summary>
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

    /// <summary>Reads the first bytes of a file's text as UTF-8; fewer if the file is shorter.</summary>
    public static byte[] Head(string path, int count)
    {
        using var stream = OpenText(path, new RowCollector(new CorpusReadOptions { MaxBytes = long.MaxValue }));
        var head = new byte[count];
        return head[..Read(path, () => stream.ReadAtLeast(head, count, throwOnEndOfStream: false))];
    }

    /// <summary>Reads, and names the file in the exception of a failure.</summary>
    public static int Read(string path, Func<int> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new CorpusException(CorpusError.FileUnreadable, path, error.Message, null, error);
        }
    }

    /// <summary>Refuses pipes, sockets and devices, which have no end.</summary>
    public static void RequireFile(string path)
    {
        if (!File.Exists(path))
        {
            throw Directory.Exists(path)
                ? new CorpusException(CorpusError.FileUnreadable, path, "it is a folder.")
                : new CorpusException(CorpusError.FileNotFound, path, "there is no such file.");
        }

        if (!FileKind.IsRegular(path))
        {
            throw new CorpusException(CorpusError.FileUnreadable, path,
                "it is not a regular file; give the file itself in place of a pipe, socket or device.");
        }
    }

    private sealed class CountedStream(Stream inner, string path, RowCollector rows) : ForwardStream(inner)
    {
        private readonly Stream _inner = inner;

        public override int Read(Span<byte> buffer)
        {
            var count = _inner.Read(buffer);
            rows.CountBytes(path, count);
            return count;
        }
    }
}
