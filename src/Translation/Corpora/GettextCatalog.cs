namespace Workflows.Translation.Corpora;

/// <summary>Turns the messages of a gettext file into pairs.</summary>
internal sealed class GettextCatalog(string path, CorpusReadOptions options)
{
    private readonly RowCollector _rows = new(options.SamplesPerFault);
    private bool _isIntoEnglish;

    /// <summary>Takes a message; the one without a text of its own is the header.</summary>
    public void Add(long line, string source, string target, bool isFuzzy)
    {
        if (source.Length == 0)
        {
            ReadHeader(target);
        }
        else if (isFuzzy)
        {
            _rows.Reject(new CorpusLine(line, source, null), RowFault.Fuzzy);
        }
        else if (target.Length == 0)
        {
            _rows.Reject(new CorpusLine(line, source, null), RowFault.Untranslated);
        }
        else
        {
            _rows.Add(_isIntoEnglish ? new SentencePair(source, target) : new SentencePair(target, source));
        }
    }

    public void Reject(CorpusLine line, RowFault fault) => _rows.Reject(line, fault);

    public ReadCorpus Result() => _rows.Result();

    private void ReadHeader(string header)
    {
        foreach (var line in header.Split('\n'))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var (name, value) = colon < 0 ? ("", "") : (line[..colon].Trim(), line[(colon + 1)..].Trim());
            if (name.Equals("Language", StringComparison.OrdinalIgnoreCase))
            {
                // Messages are English and translations Korean, unless the file says that it is the other way.
                _isIntoEnglish = value.StartsWith(options.EnColumn, StringComparison.OrdinalIgnoreCase);
            }

            var charset = value.IndexOf("charset=", StringComparison.OrdinalIgnoreCase);
            var encoding = charset < 0 ? "" : value[(charset + 8)..].Trim().ToUpperInvariant();
            if (encoding is not ("" or "UTF-8" or "UTF8" or "ASCII" or "US-ASCII" or "CHARSET"))
            {
                throw new CorpusException(CorpusError.FileUnreadable, path,
                    $"its text is in {encoding}; convert it to UTF-8, for example with msgconv --to-code=UTF-8.");
            }
        }
    }
}
