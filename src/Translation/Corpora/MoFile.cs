using System.Buffers.Binary;
using System.Text;

namespace Workflows.Translation.Corpora;

/// <summary>Reads compiled gettext files (MO), of either byte order; a row's line is the message's number.</summary>
internal static class MoFile
{
    private const uint Magic = 0x950412de;
    private const char AfterContext = '\u0004';

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    public static ReadCorpus Read(string path, CorpusReadOptions options)
    {
        var bytes = ReadAll(path);
        var isBigEndian = bytes.Length >= 4 && BinaryPrimitives.ReadUInt32BigEndian(bytes) == Magic;
        uint Word(long at) => at < 0 || at + 4 > bytes.Length ? throw Damaged(path)
            : isBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan((int)at))
            : BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan((int)at));
        if (bytes.Length < 28 || Word(0) != Magic || Word(4) >> 16 > 1)
        {
            throw Damaged(path);
        }

        var (count, sources, targets) = (Word(8), Word(12), Word(16));
        var catalog = new GettextCatalog(path, options);
        for (var i = 0L; i < count; i++)
        {
            var source = Text(bytes, Word(sources + 8 * i), Word(sources + 8 * i + 4), path);
            var target = Text(bytes, Word(targets + 8 * i), Word(targets + 8 * i + 4), path);
            try
            {
                var message = Strict.GetString(source);
                message = message[(message.IndexOf(AfterContext, StringComparison.Ordinal) + 1)..];
                catalog.Add(i + 1, First(message), First(Strict.GetString(target)), isFuzzy: false);
            }
            catch (DecoderFallbackException)
            {
                catalog.Reject(new CorpusLine(i + 1, Encoding.UTF8.GetString(source), null), RowFault.InvalidUtf8);
            }
        }

        return catalog.Result();
    }

    // Forms of the plural follow the first one behind a zero.
    private static string First(string text) => text.Split('\0', 2)[0];

    private static ReadOnlySpan<byte> Text(byte[] bytes, uint length, uint offset, string path) =>
        (long)offset + length <= bytes.Length ? bytes.AsSpan((int)offset, (int)length) : throw Damaged(path);

    private static byte[] ReadAll(string path)
    {
        try
        {
            using var stream = CorpusLine.Open(path);
            using var memory = new MemoryStream();
            stream.CopyTo(memory);
            return memory.ToArray();
        }
        catch (Exception error) when (error is IOException or InvalidDataException)
        {
            throw new CorpusException(CorpusError.FileUnreadable, path, error.Message, null, error);
        }
    }

    private static CorpusException Damaged(string path) =>
        new(CorpusError.FileUnreadable, path, "it is not a compiled gettext file, or it is cut short.");
}
