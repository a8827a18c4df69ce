using ParquetSharp;
using Encoding = System.Text.Encoding;

namespace Workflows.Translation.Corpora;

/// <summary>
/// Reads the two text columns of a Parquet file, flat or inside a struct "translation" as in Hugging Face data sets; a
/// row's line is its number. Apache Arrow's own reader decodes the bytes and reports damaged files as errors, where
/// managed readers were seen to loop forever.
/// </summary>
internal static class ParquetTable
{
    private const int RowsAtOnce = 4096;

    // More than the characters that a sample keeps, in any script.
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
                foreach (var (korean, english) in Rows(reader, ko, en, rows.Options.MaxLineBytes))
                {
                    rows.CountBytes(path, (korean.Bytes?.Length ?? 0) + (english.Bytes?.Length ?? 0));
                    Add(rows, check, ++number, korean, english);
                }
            }

            check.Finish();
        }
        catch (Exception error) when (error is ParquetException or ArgumentException or OverflowException
            || error.GetType() == typeof(Exception))
        {
            // The library throws the last of these for a schema that contradicts itself.
            throw new CorpusException(
                CorpusError.FileUnreadable, path, $"it is not a whole Parquet file ({Reason(error)}).", null, error);
        }
    }

    private static IEnumerable<(Cell Korean, Cell English)> Rows(
        RowGroupReader group, int ko, int en, int maxBytes)
    {
        using var koColumn = group.Column(ko);
        using var enColumn = group.Column(en);
        using var korean = Cells(koColumn, maxBytes).GetEnumerator();
        using var english = Cells(enColumn, maxBytes).GetEnumerator();
        var count = 0L;
        while (korean.MoveNext())
        {
            count++;
            yield return english.MoveNext()
                ? (korean.Current, english.Current)
                : throw new ArgumentException($"the columns differ in length, one has {count - 1} rows");
        }

        if (english.MoveNext())
        {
            throw new ArgumentException($"the columns differ in length, one has {count} rows");
        }
    }

    /// <summary>
    /// Returns the values of a column, copied one at a time: a dictionary page holds a text once, and thousands of rows
    /// may refer to it.
    /// </summary>
    private static IEnumerable<Cell> Cells(ColumnReader column, int maxBytes)
    {
        var reader = column as ColumnReader<ByteArray>
            ?? throw new ArgumentException($"a column is of {column.Type}, expected texts");
        var whole = column.ColumnDescriptor.MaxDefinitionLevel;
        var values = new ByteArray[RowsAtOnce];
        var levels = new short[whole > 0 ? RowsAtOnce : 0];
        while (reader.HasNext)
        {
            var rows = reader.ReadBatch(RowsAtOnce, levels, [], values, out var count);
            var at = 0;
            for (var row = 0; row < rows; row++)
            {
                var isThere = whole == 0 || levels[row] == whole;
                yield return isThere && at < count ? Copy(values[at++], maxBytes)
                    : isThere ? throw new ArgumentException("a column has fewer values than rows") : default;
            }

            if (rows == 0)
            {
                yield break;
            }
        }
    }

    private static unsafe Cell Copy(ByteArray value, int maxBytes)
    {
        var bytes = new ReadOnlySpan<byte>((void*)value.Pointer, value.Length);
        var isTooLong = bytes.Length > maxBytes;
        return new Cell(bytes[..(isTooLong ? Math.Min(SampleBytes, maxBytes) : bytes.Length)].ToArray(), isTooLong);
    }

    private static void Add(RowCollector rows, EncodingCheck check, long number, Cell korean, Cell english)
    {
        if (korean.Bytes is null || english.Bytes is null)
        {
            rows.Reject(new CorpusLine(number, Sample(korean.Bytes ?? english.Bytes), null), RowFault.MissingField);
        }
        else if (korean.IsTooLong || english.IsTooLong)
        {
            rows.Reject(new CorpusLine(number, Sample(korean.Bytes), null), RowFault.LineTooLong);
        }
        else if (!check.IsUtf8(korean.Bytes) || !check.IsUtf8(english.Bytes))
        {
            rows.Reject(new CorpusLine(number, Sample(korean.Bytes), null), RowFault.InvalidUtf8);
        }
        else
        {
            rows.Add(
                new SentencePair(Encoding.UTF8.GetString(korean.Bytes), Encoding.UTF8.GetString(english.Bytes)),
                number);
        }
    }

    /// <summary>Finds the column with that name, in any struct; a list has several values a row and does not
    /// match.</summary>
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

    // Decoded leniently: a sample is of a bad row, and may end in the middle of a character.
    private static string Sample(byte[]? bytes) =>
        bytes is null ? "" : Encoding.UTF8.GetString(bytes.AsSpan(0, Math.Min(bytes.Length, SampleBytes)));

    // Arrow's message has the form "class (message: '...')".
    private static string Reason(Exception error) =>
        error.Message.Split("message: '", 2)[^1].TrimEnd(')', '\'').TrimEnd('.');

    /// <summary>A value, or null; for one over the limit, its beginning.</summary>
    private readonly record struct Cell(byte[]? Bytes, bool IsTooLong);
}
