using ParquetSharp;
using Encoding = System.Text.Encoding;

namespace Workflows.Translation.Corpora;

/// <summary>
/// Reads the two text columns of a Parquet file, flat or inside a struct "translation" as Hugging Face data sets have
/// them; a row's line is its number. The bytes are decoded by Apache Arrow's own reader, which answers damaged files
/// with an error, where managed readers were seen to loop for ever.
/// </summary>
internal static class ParquetTable
{
    private const int RowsAtOnce = 4096;

    // More than the characters that a sample keeps, of whatever kind.
    private const int SampleBytes = 512;

    public static void Read(string path, RowCollector rows)
    {
        CorpusStream.RequireFile(path);
        try
        {
            using var file = new ParquetFileReader(path);
            var schema = file.FileMetaData.Schema;
            var (ko, en) = (Find(path, schema, rows.Options.KoColumn), Find(path, schema, rows.Options.EnColumn));
            var number = 0L;
            var check = new EncodingCheck(path);
            for (var group = 0; group < file.FileMetaData.NumRowGroups; group++)
            {
                using var reader = file.RowGroup(group);
                foreach (var (korean, english) in Rows(reader, ko, en))
                {
                    rows.CountBytes(path, (korean?.Length ?? 0) + (english?.Length ?? 0));
                    Add(rows, check, ++number, korean, english);
                }
            }

            check.Finish();
        }
        catch (Exception error) when (error is ParquetException or ArgumentException or OverflowException
            || error.GetType() == typeof(Exception))
        {
            // The last is what the library throws for a schema that contradicts itself.
            throw new CorpusException(
                CorpusError.FileUnreadable, path, $"it is not a whole Parquet file ({Reason(error)}).", null, error);
        }
    }

    private static IEnumerable<(byte[]? Korean, byte[]? English)> Rows(RowGroupReader group, int ko, int en)
    {
        using var koColumn = group.Column(ko);
        using var enColumn = group.Column(en);
        using var koReader = koColumn.LogicalReaderOverride<byte[]?>();
        using var enReader = enColumn.LogicalReaderOverride<byte[]?>();
        var (korean, english) = (new byte[]?[RowsAtOnce], new byte[]?[RowsAtOnce]);
        while (true)
        {
            var (koCount, enCount) = (koReader.ReadBatch(korean.AsSpan()), enReader.ReadBatch(english.AsSpan()));
            for (var row = 0; row < Math.Min(koCount, enCount); row++)
            {
                yield return (korean[row], english[row]);
            }

            if (koCount != enCount)
            {
                throw new ArgumentException($"the columns differ in length, {koCount} and {enCount} rows of a batch");
            }

            if (koCount == 0)
            {
                yield break;
            }
        }
    }

    private static void Add(
        RowCollector rows, EncodingCheck check, long number, byte[]? korean, byte[]? english)
    {
        var maxBytes = rows.Options.MaxLineBytes;
        if (korean is null || english is null)
        {
            rows.Reject(new CorpusLine(number, Sample(korean ?? english), null), RowFault.MissingField);
        }
        else if (korean.Length > maxBytes || english.Length > maxBytes)
        {
            rows.Reject(new CorpusLine(number, Sample(korean), null), RowFault.LineTooLong);
        }
        else if (!check.IsUtf8(korean) || !check.IsUtf8(english))
        {
            rows.Reject(new CorpusLine(number, Sample(korean), null), RowFault.InvalidUtf8);
        }
        else
        {
            rows.Add(new SentencePair(Encoding.UTF8.GetString(korean), Encoding.UTF8.GetString(english)), number);
        }
    }

    /// <summary>The column of that name, in whatever struct; a list has several values a row and is no match.</summary>
    private static int Find(string path, SchemaDescriptor schema, string name)
    {
        var found = new List<string>();
        var other = -1;
        for (var index = 0; index < schema.NumColumns; index++)
        {
            var column = schema.Column(index);
            found.Add(column.Path.ToDotString());
            if (column.PhysicalType != PhysicalType.ByteArray || column.MaxRepetitionLevel != 0)
            {
                continue;
            }

            if (string.Equals(column.Name, name, StringComparison.OrdinalIgnoreCase))
            {
                return index;
            }

            other = other < 0 && LanguageName.Is(column.Name, name) ? index : other;
        }

        if (other >= 0)
        {
            return other;
        }

        throw new CorpusException(CorpusError.ColumnMissing, path,
            $"it has no text column '{name}'; its columns are {string.Join(", ", found.Select(each => $"'{each}'"))}.");
    }

    // Never strict: a sample is of a bad row, and its end may be in the middle of a character.
    private static string Sample(byte[]? bytes) =>
        bytes is null ? "" : Encoding.UTF8.GetString(bytes.AsSpan(0, Math.Min(bytes.Length, SampleBytes)));

    // Arrow's text is "class (message: '...')".
    private static string Reason(Exception error) =>
        error.Message.Split("message: '", 2)[^1].TrimEnd(')', '\'').TrimEnd('.');
}
