using System.Globalization;
using System.Text;

namespace Workflows.Translation.Corpora;

/// <summary>Reads gettext sources (PO). Obsolete messages are comments; a plural gives its first form.</summary>
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
                var isNext = text.StartsWith("msgctxt", StringComparison.Ordinal)
                    || text.StartsWith("msgid ", StringComparison.Ordinal);
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

    private sealed class Entry
    {
        private readonly StringBuilder _source = new();
        private readonly StringBuilder _target = new();
        private readonly StringBuilder _other = new();
        private StringBuilder? _current;

        public long Line { get; private set; }

        public bool IsFuzzy { get; set; }

        public bool HasSource { get; private set; }

        public bool HasTarget { get; private set; }

        public (CorpusLine Line, RowFault Fault)? Fault { get; set; }

        public string Source => _source.ToString();

        public string Target => _target.ToString();

        public void Take(CorpusLine line, int maxCharacters)
        {
            if (_source.Length + _target.Length + _other.Length + line.Text.Length > maxCharacters)
            {
                Fault ??= (line, RowFault.LineTooLong);
                return;
            }

            Line = Line == 0 ? line.Number : Line;
            var quote = line.Text.IndexOf('"', StringComparison.Ordinal);
            var keyword = quote < 0 ? line.Text : line.Text[..quote].Trim();
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
            if (_current is null || quote < 0 || !TryUnquote(line.Text.AsSpan(quote), _current))
            {
                Fault ??= (line, RowFault.InvalidEntry);
            }
        }

        private static bool TryUnquote(ReadOnlySpan<char> quoted, StringBuilder text)
        {
            if (quoted.Length < 2 || quoted[^1] != '"')
            {
                return false;
            }

            var inner = quoted[1..^1];
            for (var i = 0; i < inner.Length; i++)
            {
                if (inner[i] == '"' || (inner[i] == '\\' && i + 1 == inner.Length))
                {
                    return false;
                }

                if (inner[i] != '\\')
                {
                    text.Append(inner[i]);
                    continue;
                }

                i++;
                if (inner[i] == 'x' && i + 2 < inner.Length
                    && byte.TryParse(inner.Slice(i + 1, 2), NumberStyles.AllowHexSpecifier, null, out var code))
                {
                    text.Append((char)code);
                    i += 2;
                    continue;
                }

                text.Append(inner[i] switch
                {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'a' => '\a',
                    'b' => '\b',
                    'f' => '\f',
                    'v' => '\v',
                    var same => same,
                });
            }

            return true;
        }
    }
}
