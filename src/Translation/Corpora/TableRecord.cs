namespace Workflows.Translation.Corpora;

/// <summary>One row of a table, or the reason why it is not valid.</summary>
/// <param name="Line">Its first line.</param>
/// <param name="Fields">Its fields; null for a bad row.</param>
/// <param name="Quoting">The quoting of its fields; null if quotes are text.</param>
internal sealed record TableRecord(CorpusLine Line, IReadOnlyList<string>? Fields, QuotedRecord? Quoting = null)
{
    /// <summary>Reads rows in which quotes are text: one a line.</summary>
    public static IEnumerable<TableRecord> ReadPlain(IEnumerable<CorpusLine> lines, char separator) =>
        lines.Select(line => new TableRecord(line, line.Fault is null ? line.Text.Split(separator) : null));

    /// <summary>Reads rows with CSV quoting. A broken row costs its first line: reading continues at its
    /// second.</summary>
    public static IEnumerable<TableRecord> ReadQuoted(
        IEnumerable<CorpusLine> lines, char separator, int maxCharacters)
    {
        using var source = lines.GetEnumerator();
        var again = new Stack<CorpusLine>();
        bool Next(out CorpusLine line)
        {
            if (again.TryPop(out line))
            {
                return true;
            }

            var hasNext = source.MoveNext();
            line = hasNext ? source.Current : default;
            return hasNext;
        }

        while (Next(out var first))
        {
            var record = new QuotedRecord(separator);
            var (state, characters, current) = (QuotedRecord.State.Open, 0L, first);
            var behind = new List<CorpusLine>();
            var fault = first.Fault;
            while (current.Fault != RowFault.LineTooLong && characters <= maxCharacters)
            {
                characters += current.Text.Length + 1;
                state = record.Feed(current.Text);
                if (state != QuotedRecord.State.Open || !Next(out current))
                {
                    break;
                }

                behind.Add(current);
                fault ??= current.Fault;
            }

            if (state == QuotedRecord.State.Whole)
            {
                yield return new TableRecord(
                    first with { Fault = fault }, fault is null ? record.Fields : null, record);
                continue;
            }

            yield return new TableRecord(first with { Fault = first.Fault ?? RowFault.InvalidQuotes }, null);
            for (var at = behind.Count - 1; at >= 0; at--)
            {
                again.Push(behind[at]);
            }
        }
    }
}
