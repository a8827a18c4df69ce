namespace Workflows.Translation.Corpora;

/// <summary>Decides whether a tab-separated file has CSV quoting, or quotes that are text.</summary>
internal static class TableQuoting
{
    private const int MaxRecords = 100_000;

    // Factor by which rows of one kind must outnumber those of the other, or the file is refused.
    private const int Clear = 20;

    /// <summary>Returns true for CSV quoting.</summary>
    /// <exception cref="CorpusException">The file has rows of both kinds, and neither kind is rare.</exception>
    public static bool IsQuoted(string path, CorpusReadOptions options)
    {
        var uncounted = new RowCollector(options);
        var lines = CorpusLine.Read(path, uncounted);
        var (needed, withComma, needless, bare, bareWithComma, broken) = (0L, 0L, 0L, 0L, 0L, 0L);
        var (firstNeeded, firstBroken) = (0L, 0L);
        foreach (var record in TableRecord.ReadQuoted(lines, '\t', options.MaxLineBytes).Take(MaxRecords))
        {
            if (record.Line.Fault is RowFault.InvalidQuotes)
            {
                broken++;
                firstBroken = firstBroken == 0 ? record.Line.Number : firstBroken;
            }
            else if (record.Fields is { } fields && record.Quoting is { } quoting && !IsHeader(record, fields, options))
            {
                needed += quoting.Needed;
                withComma += quoting.WithComma;
                needless += quoting.Needless;
                bare += quoting.Bare;
                bareWithComma += quoting.BareWithComma;
                firstNeeded = firstNeeded == 0 && quoting.Needed > 0 ? record.Line.Number : firstNeeded;
            }
        }

        if (needed > 0 && broken > 0 && Math.Max(needed, broken) < Clear * Math.Min(needed, broken))
        {
            throw new CorpusException(CorpusError.FileUnreadable, path,
                $"its quotes are of two kinds: line {firstNeeded} is quoted as CSV, in line {firstBroken} quotes are "
                + "text. Write all fields quoted with inner quotes doubled, or none.");
        }

        return needed > broken || (broken == 0 && needed == 0 && withComma + needless > 0
            && (bare == 0 || (needless == 0 && bareWithComma == 0)));
    }

    private static bool IsHeader(TableRecord record, IReadOnlyList<string> fields, CorpusReadOptions options) =>
        record.Line.Number == 1 && options.Header != HeaderLine.Absent
        && LanguageName.Find([.. fields.Select(field => field.Trim())], options.KoColumn) >= 0;
}
