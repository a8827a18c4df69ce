namespace Workflows.Translation.Corpora;

/// <summary>Reads gettext sources (PO). Obsolete messages are comments; of a plural the first form is read.</summary>
internal static class PoFile
{
    public static void Read(string path, RowCollector rows)
    {
        var catalog = new GettextCatalog(path, rows);
        var entry = new Entry();
        foreach (var line in CorpusLine.Read(path, rows))
        {
            var text = line.Text.Trim();
            if (line.Fault is { } fault)
            {
                entry.Fault ??= (line, fault);
            }
            else if (text.Length == 0)
            {
                entry = Finish(entry, catalog);
            }
            else if (text[0] == '#')
            {
                entry = entry.HasTarget ? Finish(entry, catalog) : entry;
                entry.IsFuzzy |= text.StartsWith("#,", StringComparison.Ordinal)
                    && text.Contains("fuzzy", StringComparison.Ordinal);
            }
            else
            {
                // Messages need not have a blank line between them.
                var isNext = Keyword(text) is "msgctxt" or "msgid";
                entry = isNext && entry.HasTarget ? Finish(entry, catalog) : entry;
                entry.Take(line with { Text = text }, rows.Options.MaxLineBytes);
            }
        }

        Finish(entry, catalog);
    }

    private static Entry Finish(Entry entry, GettextCatalog catalog)
    {
        if (entry.Fault is { } fault)
        {
            catalog.Reject(fault.Line, fault.Fault);
        }
        else if (entry.HasSource && entry.HasTarget && !entry.IsUtf8)
        {
            catalog.Reject(new CorpusLine(entry.Line, entry.Source, null), RowFault.InvalidUtf8);
        }
        else if (entry.HasSource && entry.HasTarget)
        {
            catalog.Add(entry.Line, entry.Source, entry.Target, entry.IsFuzzy);
        }
        else if (entry.HasSource || entry.HasTarget)
        {
            catalog.Reject(new CorpusLine(entry.Line, entry.Source, null), RowFault.InvalidEntry);
        }

        return new Entry();
    }

    /// <summary>Returns the text before a line's first quote.</summary>
    private static string Keyword(string line) =>
        (line.IndexOf('"', StringComparison.Ordinal) is >= 0 and var quote ? line[..quote] : line).Trim();

    private sealed class Entry
    {
        private readonly PoText _source = new();
        private readonly PoText _target = new();
        private readonly PoText _other = new();
        private PoText? _current;

        public long Line { get; private set; }

        public bool IsFuzzy { get; set; }

        public bool HasSource { get; private set; }

        public bool HasTarget { get; private set; }

        public (CorpusLine Line, RowFault Fault)? Fault { get; set; }

        public bool IsUtf8 => _source.IsUtf8 && _target.IsUtf8;

        public string Source => _source.ToString();

        public string Target => _target.ToString();

        public void Take(CorpusLine line, int maxBytes)
        {
            if (_source.Bytes + _target.Bytes + _other.Bytes + line.Text.Length > maxBytes)
            {
                Fault ??= (line, RowFault.LineTooLong);
                return;
            }

            Line = Line == 0 ? line.Number : Line;
            var keyword = Keyword(line.Text);
            var isTwice = keyword switch
            {
                "msgid" => HasSource,
                "msgstr" or "msgstr[0]" => HasTarget,
                _ => false,
            };
            _current = keyword switch
            {
                "" => _current,
                "msgid" => _source,
                "msgstr" or "msgstr[0]" => _target,
                "msgctxt" or "msgid_plural" => _other,
                _ when keyword.StartsWith("msgstr[", StringComparison.Ordinal) => _other,
                _ => null,
            };
            HasSource |= _current == _source;
            HasTarget |= _current == _target;
            if (isTwice || _current is null || !_current.TryAdd(line.Text.AsSpan(
                line.Text.IndexOf('"', StringComparison.Ordinal) is >= 0 and var quote ? quote : line.Text.Length)))
            {
                Fault ??= (line, RowFault.InvalidEntry);
            }
        }
    }
}
