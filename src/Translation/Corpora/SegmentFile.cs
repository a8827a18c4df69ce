using System.Text;
using Workflows.Translation.Metrics;

namespace Workflows.Translation.Corpora;

/// <summary>Reads outputs and references for scoring: one segment a line, UTF-8.</summary>
public static class SegmentFile
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <summary>Reads a file, and unpacks it if the name ends in ".gz".</summary>
    /// <param name="path">The file.</param>
    /// <returns>
    /// Its lines by "\n" without trailing white space, as sacreBLEU reads them; a byte order mark stays.
    /// </returns>
    /// <exception cref="CorpusException">The file cannot be read or is not UTF-8.</exception>
    public static IReadOnlyList<string> Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var stream = CorpusStream.Open(path);
        return Read(stream, path);
    }

    /// <summary>Reads a stream to its end.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="name">The stream's name in exceptions.</param>
    /// <returns>Its lines by "\n" without trailing white space.</returns>
    /// <exception cref="CorpusException">The stream cannot be read or is not UTF-8.</exception>
    public static IReadOnlyList<string> Read(Stream stream, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var bytes = new MemoryStream();
        try
        {
            stream.CopyTo(bytes);
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new CorpusException(CorpusError.FileUnreadable, name, error.Message, null, error);
        }

        var lines = new List<string>();
        ReadOnlySpan<byte> rest = bytes.GetBuffer().AsSpan(0, (int)bytes.Length);
        while (!rest.IsEmpty)
        {
            var end = rest.IndexOf((byte)'\n');
            lines.Add(Decode(end < 0 ? rest : rest[..end], name, lines.Count + 1));
            rest = end < 0 ? [] : rest[(end + 1)..];
        }

        return lines;
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
