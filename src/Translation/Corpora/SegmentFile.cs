using System.Text;
using Workflows.Translation.Metrics;

namespace Workflows.Translation.Corpora;

/// <summary>Reads outputs and references for scoring: one segment a line, UTF-8.</summary>
public static class SegmentFile
{
    /// <summary>The most bytes of one file, unpacked: a hundred times the largest test sets.</summary>
    public const long MostBytes = 1L << 28;

    /// <summary>The most bytes of one line; of a longer one the n-grams would fill the memory.</summary>
    public const int MostLineBytes = 1 << 20;

    /// <summary>The most lines of one file.</summary>
    public const int MostLines = 4_000_000;

    private const int BufferBytes = 1 << 16;

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <summary>Reads a file, and unpacks it if the name ends in ".gz".</summary>
    /// <param name="path">A regular file, or the pipe that a shell makes for <c>&lt;(command)</c>.</param>
    /// <returns>
    /// Its lines by "\n" without trailing white space, as sacreBLEU reads them; a byte order mark stays.
    /// </returns>
    /// <exception cref="CorpusException">The file cannot be read, is over a limit, or is not UTF-8.</exception>
    public static IReadOnlyList<string> Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!FileKind.IsOfShell(path))
        {
            CorpusStream.RequireFile(path);
        }

        using var stream = CorpusStream.Open(path);
        return Read(stream, path);
    }

    /// <summary>Reads a stream to its end.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="name">The stream's name in exceptions.</param>
    /// <returns>Its lines by "\n" without trailing white space.</returns>
    /// <exception cref="CorpusException">The stream cannot be read, is over a limit, or is not UTF-8.</exception>
    public static IReadOnlyList<string> Read(Stream stream, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var lines = new List<string>();
        var buffer = new byte[BufferBytes];
        using var line = new MemoryStream();
        var total = 0L;
        int count;
        while ((count = CorpusStream.Read(name, () => stream.Read(buffer))) > 0)
        {
            total += count;
            var rest = buffer.AsSpan(0, count);
            for (var end = rest.IndexOf((byte)'\n'); end >= 0; end = rest.IndexOf((byte)'\n'))
            {
                line.Write(rest[..end]);
                Add(lines, line, name);
                rest = rest[(end + 1)..];
            }

            line.Write(rest);
            Require(total <= MostBytes, name, $"more than {MostBytes:N0} bytes, unpacked", null);
            Require(line.Length <= MostLineBytes, name, TooLong, lines.Count + 1);
        }

        if (line.Length > 0)
        {
            Add(lines, line, name);
        }

        return lines;
    }

    private static string TooLong => $"a line of more than {MostLineBytes:N0} bytes";

    private static void Add(List<string> lines, MemoryStream line, string name)
    {
        Require(line.Length <= MostLineBytes, name, TooLong, lines.Count + 1);
        Require(lines.Count < MostLines, name, $"more than {MostLines:N0} lines", null);
        lines.Add(Decode(line.GetBuffer().AsSpan(0, (int)line.Length), name, lines.Count + 1));
        line.SetLength(0);
    }

    private static void Require(bool isWithin, string name, string what, long? line)
    {
        if (!isWithin)
        {
            throw new CorpusException(
                CorpusError.TooLarge, name, $"it has {what}, which cannot be scored; give one segment a line.", line);
        }
    }

    private static string Decode(ReadOnlySpan<byte> line, string name, long number)
    {
        try
        {
            return PythonText.TrimEnd(Strict.GetString(line));
        }
        catch (DecoderFallbackException error)
        {
            throw new CorpusException(CorpusError.FileUnreadable, name,
                "it is not UTF-8; convert it, for example with iconv.", number, error);
        }
    }
}
