using System.Text;
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

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    public static ReadCorpus Read(string path, CorpusReadOptions options)
    {
        RequireFile(path);
        try
        {
            using var file = new ParquetFileReader(path);
            var schema = file.FileMetaData.Schema;
            var (ko, en) = (Find(path, schema, options.KoColumn), Find(path, schema, options.EnColumn));
            var rows = new RowCollector(options.SamplesPerFault);
            var number = 0L;
            for (var group = 0; group < file.FileMetaData.NumRowGroups; group++)
            {
                using var reader = file.RowGroup(group);
                foreach (var (korean, english) in Rows(reader, ko, en))
                {
                    Add(rows, ++number, korean, english, options.MaxLineBytes);
                }
            }

            return rows.Result();
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

    private static void Add(RowCollector rows, long number, byte[]? korean, byte[]? english, int maxBytes)
    {
        if (korean is null || english is null)
        {
            rows.Reject(new CorpusLine(number, Sample(korean ?? english), null), RowFault.MissingField);
        }
        else if (korean.Length > maxBytes || english.Length > maxBytes)
        {
            rows.Reject(new CorpusLine(number, Sample(korean), null), RowFault.LineTooLong);
        }
        else
        {
            try
            {
                rows.Add(new SentencePair(Strict.GetString(korean), Strict.GetString(english)));
            }
            catch (DecoderFallbackException)
            {
                rows.Reject(new CorpusLine(number, Sample(korean), null), RowFault.InvalidUtf8);
            }
        }
    }

    /// <summary>The column of that name, in whatever struct; a list has several values a row and is no match.</summary>
    private static int Find(string path, SchemaDescriptor schema, string name)
    {
        var found = new List<string>();
        for (var index = 0; index < schema.NumColumns; index++)
        {
            var column = schema.Column(index);
            found.Add(column.Path.ToDotString());
            if (string.Equals(column.Name, name, StringComparison.OrdinalIgnoreCase)
                && column.PhysicalType == PhysicalType.ByteArray && column.MaxRepetitionLevel == 0)
            {
                return index;
            }
        }

        throw new CorpusException(CorpusError.ColumnMissing, path,
            $"it has no text column '{name}'; its columns are {string.Join(", ", found.Select(each => $"'{each}'"))}.");
    }

    private static void RequireFile(string path)
    {
        if (!File.Exists(path))
        {
            throw new CorpusException(CorpusError.FileNotFound, path, "there is no such file.");
        }
    }

    // Never strict: a sample is of a bad row, and its end may be in the middle of a character.
    private static string Sample(byte[]? bytes) =>
        bytes is null ? "" : Encoding.UTF8.GetString(bytes.AsSpan(0, Math.Min(bytes.Length, SampleBytes)));

    // Arrow's text is "class (message: '...')".
    private static string Reason(Exception error) =>
        error.Message.Split("message: '", 2)[^1].TrimEnd(')', '\'').TrimEnd('.');
}
