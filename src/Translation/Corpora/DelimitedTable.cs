namespace Workflows.Translation.Corpora;

/// <summary>Reads tables of text: tab-separated, and CSV as spreadsheets of any country write it.</summary>
internal static class DelimitedTable
{
    private static readonly char[] CsvSeparators = [',', ';', '\t'];

    public static void ReadTsv(string path, RowCollector rows)
    {
        var lines = CorpusLine.Read(path, rows);
        if (TableQuoting.IsQuoted(path, rows.Options))
        {
            rows.Note("its fields are quoted as in CSV, and were read without their quotes");
            Add(path, TableRecord.ReadQuoted(lines, '\t', rows.Options.MaxLineBytes), rows, isCsv: false);
        }
        else
        {
            Add(path, TableRecord.ReadPlain(lines, '\t').Select(RequireText), rows, isCsv: false);
        }
    }

    public static void ReadCsv(string path, RowCollector rows)
    {
        var (separator, isNamed) = Separator(path, rows.Options);
        var lines = CorpusLine.Read(path, rows).Skip(isNamed ? 1 : 0);
        Add(path, TableRecord.ReadQuoted(lines, separator, rows.Options.MaxLineBytes), rows, isCsv: true);
    }

    private static void Add(string path, IEnumerable<TableRecord> records, RowCollector rows, bool isCsv)
    {
        var columns = new TsvColumns(0, 1, null);
        var isFirst = true;
        foreach (var record in records)
        {
            var mayBeHeader = isFirst && rows.Options.Header != HeaderLine.Absent;
            if (mayBeHeader && Header(path, record, rows.Options) is { } named)
            {
                (columns, isFirst) = (named, false);
                continue;
            }

            if (mayBeHeader && record.Fields is { } first && TsvColumns.LooksLikeHeader(first))
            {
                rows.Note($"line {record.Line.Number} read as data: no header "
                    + $"{rows.Options.KoColumn}/{rows.Options.EnColumn}");
            }

            if (isFirst && isCsv && record.Fields is { Count: > 1 } fields)
            {
                // A comma that is text, in a file without quotes, must not silently truncate a sentence.
                columns = columns with { Count = fields.Count };
            }

            isFirst = false;
            Add(record, columns, rows);
        }
    }

    private static void Add(TableRecord record, TsvColumns columns, RowCollector rows)
    {
        if (record.Fields is not { } fields)
        {
            rows.Reject(record.Line, record.Line.Fault ?? RowFault.InvalidQuotes);
        }
        else if (fields.Count <= Math.Max(columns.Ko, columns.En) || fields.Count < columns.Count)
        {
            rows.Reject(record.Line, RowFault.TooFewColumns);
        }
        else if (fields.Count > columns.Count)
        {
            rows.Reject(record.Line, RowFault.TooManyColumns);
        }
        else
        {
            rows.Add(new SentencePair(fields[columns.Ko], fields[columns.En]), record.Line.Number);
        }
    }

    private static TsvColumns? Header(string path, TableRecord record, CorpusReadOptions options) =>
        TsvColumns.FromHeader(path, record.Fields ?? record.Line.Text.Split('\t'), record.Line.Number, options);

    // A row with doubled quotes in a table whose quotes are text would be trained with them, so it is refused.
    private static TableRecord RequireText(TableRecord record)
    {
        if (record.Fields is null || !record.Line.Text.Contains("\"\"", StringComparison.Ordinal))
        {
            return record;
        }

        var quoted = new QuotedRecord('\t');
        return quoted.Feed(record.Line.Text) == QuotedRecord.State.Whole && quoted.Needed > 0
            ? new TableRecord(record.Line with { Fault = RowFault.InvalidQuotes }, null) : record;
    }

    /// <summary>Finds the separator by Excel's own first line "sep=;", by the header, or by the first row with two
    /// columns.</summary>
    private static (char Separator, bool IsNamed) Separator(string path, CorpusReadOptions options)
    {
        var uncounted = new RowCollector(options);
        if (CorpusLine.Read(path, uncounted).FirstOrDefault().Text is ['s', 'e', 'p', '=', var named])
        {
            return (named, true);
        }

        var first = CsvSeparators.Select(separator => (Separator: separator, Fields: TableRecord
            .ReadQuoted(CorpusLine.Read(path, uncounted), separator, options.MaxLineBytes)
            .FirstOrDefault()?.Fields ?? [])).ToList();
        var byHeader = first.FirstOrDefault(each => LanguageName.Find(each.Fields, options.KoColumn) >= 0
            && LanguageName.Find(each.Fields, options.EnColumn) >= 0);
        var byCount = first.FirstOrDefault(each => each.Fields.Count == 2);
        return (byHeader.Fields is not null ? byHeader.Separator
            : byCount.Fields is not null ? byCount.Separator : ',', false);
    }
}
