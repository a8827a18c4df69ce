using System.Buffers.Binary;
using System.Text;

namespace Workflows.Translation.Corpora;

/// <summary>Reads compiled gettext files (MO), of either byte order; a row's line is the message's number.</summary>
internal static class MoFile
{
    private const uint Magic = 0x950412de;
    private const char AfterContext = '\u0004';

    // A compiled catalogue is read as a whole, since its tables can point anywhere.
    private const int MaxFileBytes = 1 << 28;

    public static void Read(string path, RowCollector rows)
    {
        var bytes = ReadAll(path, rows);
        var isBigEndian = bytes.Length >= 4 && BinaryPrimitives.ReadUInt32BigEndian(bytes) == Magic;
        uint Word(long at) => at < 0 || at + 4 > bytes.Length ? throw Damaged(path)
            : isBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan((int)at))
            : BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan((int)at));
        if (bytes.Length < 28 || Word(0) != Magic || Word(4) >> 16 > 1)
        {
            throw Damaged(path);
        }

        var (count, sources, targets) = (Word(8), Word(12), Word(16));
        var catalog = new GettextCatalog(path, rows);
        var check = new EncodingCheck(path);
        for (var i = 0L; i < count; i++)
        {
            var source = Text(bytes, Word(sources + 8 * i), Word(sources + 8 * i + 4), path);
            var target = Text(bytes, Word(targets + 8 * i), Word(targets + 8 * i + 4), path);
            if (Math.Max(source.Length, target.Length) > rows.Options.MaxLineBytes)
            {
                var beginning = source[..Math.Min(source.Length, CorpusLine.SampleBytes)];
                catalog.Reject(new CorpusLine(i + 1, Encoding.UTF8.GetString(beginning), null), RowFault.LineTooLong);
                continue;
            }

            // Many messages may share one text, and each gets a copy of it here.
            rows.CountBytes(path, source.Length + target.Length);
            var (isSource, isTarget) = (check.IsUtf8(source), check.IsUtf8(target));
            var message = Encoding.UTF8.GetString(source);
            if (isSource && isTarget)
            {
                message = message[(message.IndexOf(AfterContext, StringComparison.Ordinal) + 1)..];
                catalog.Add(i + 1, First(message), First(Encoding.UTF8.GetString(target)), isFuzzy: false);
            }
            else
            {
                catalog.Reject(new CorpusLine(i + 1, message, null), RowFault.InvalidUtf8);
            }
        }

        check.Finish();
    }

    // Plural forms follow the first one, separated by zeros.
    private static string First(string text) => text.Split('\0', 2)[0];

    private static ReadOnlySpan<byte> Text(byte[] bytes, uint length, uint offset, string path) =>
        (long)offset + length <= bytes.Length ? bytes.AsSpan((int)offset, (int)length) : throw Damaged(path);

    private static byte[] ReadAll(string path, RowCollector rows)
    {
        try
        {
            using var stream = CorpusStream.OpenBytes(path, rows);
            using var memory = new MemoryStream();
            var buffer = new byte[1 << 16];
            int count;
            while ((count = stream.Read(buffer)) > 0)
            {
                memory.Write(buffer, 0, count);
                if (memory.Length > MaxFileBytes)
                {
                    throw new CorpusException(CorpusError.TooLarge, path,
                        $"a compiled catalogue has at most {MaxFileBytes:N0} bytes here; give the .po file.");
                }
            }

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
