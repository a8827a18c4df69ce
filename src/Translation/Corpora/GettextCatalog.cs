namespace Workflows.Translation.Corpora;

/// <summary>Converts the messages of a gettext file to pairs.</summary>
internal sealed class GettextCatalog(string path, RowCollector rows)
{
    private bool _isIntoEnglish;

    /// <summary>Adds a message; the one without a text of its own is the header.</summary>
    public void Add(long line, string source, string target, bool isFuzzy)
    {
        if (source.Length == 0)
        {
            ReadHeader(target);
        }
        else if (isFuzzy)
        {
            rows.Reject(new CorpusLine(line, source, null), RowFault.Fuzzy);
        }
        else if (target.Length == 0)
        {
            rows.Reject(new CorpusLine(line, source, null), RowFault.Untranslated);
        }
        else
        {
            rows.Add(_isIntoEnglish ? new SentencePair(source, target) : new SentencePair(target, source), line);
        }
    }

    public void Reject(CorpusLine line, RowFault fault) => rows.Reject(line, fault);

    // EUC-KR is recognised by the bytes: a file that was converted may still have its old header.
    private static bool IsKorean(string encoding) =>
        encoding is "EUC-KR" or "EUCKR" or "CP949" or "UHC" or "WINDOWS-949" or "MS949" or "KS_C_5601-1987";

    private void ReadHeader(string header)
    {
        foreach (var line in header.Split('\n'))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var (name, value) = colon < 0 ? ("", "") : (line[..colon].Trim(), line[(colon + 1)..].Trim());
            if (name.Equals("Language", StringComparison.OrdinalIgnoreCase))
            {
                // Messages are English and translations Korean, unless the header declares the opposite.
                _isIntoEnglish = LanguageName.Is(value, rows.Options.EnColumn);
            }

            var charset = value.IndexOf("charset=", StringComparison.OrdinalIgnoreCase);
            var encoding = charset < 0 ? "" : value[(charset + 8)..].Trim().ToUpperInvariant();
            if (encoding is not ("" or "UTF-8" or "UTF8" or "ASCII" or "US-ASCII" or "CHARSET") && !IsKorean(encoding))
            {
                throw new CorpusException(CorpusError.FileUnreadable, path,
                    $"its text is in {encoding}; convert it to UTF-8, for example with msgconv --to-code=UTF-8.");
            }
        }
    }
}
