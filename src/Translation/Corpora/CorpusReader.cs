using Reader = System.Action<string, Workflows.Translation.Corpora.RowCollector>;

namespace Workflows.Translation.Corpora;

/// <summary>
/// Reads parallel text in common forms: tables, JSON, translation memories, gettext, Parquet, two aligned files; UTF-8,
/// or UTF-16 with a byte order mark; gzip if the name ends in ".gz". Decomposed text is composed and counted. A bad row
/// is counted and never stops the reading; a bad file throws <see cref="CorpusException"/>.
/// </summary>
public static class CorpusReader
{
    /// <summary>Gets the file name suffixes that <see cref="Read(string, CorpusReadOptions?)"/> supports.</summary>
    public static string KnownEndings =>
        ".tsv, .txt, .csv, .jsonl, .json, .tmx, .po or .mo, each also with .gz, or .parquet";

    /// <summary>Reads one file by the format of its name, see <see cref="KnownEndings"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <returns>The pairs, and the rows left out.</returns>
    /// <exception cref="CorpusException">The whole file cannot be used.</exception>
    public static ReadCorpus Read(string path, CorpusReadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Read(path, ReaderOf(path), options);
    }

    /// <summary>Reads the files of a request: a file, several one after the other, a folder, two aligned
    /// files.</summary>
    /// <param name="files">The files, see <see cref="CorpusFiles.Of"/>.</param>
    /// <param name="options">Settings; null for the defaults. The limits apply to all files together.</param>
    /// <returns>The pairs of all files in order, and the rows left out.</returns>
    /// <exception cref="CorpusException">A whole file cannot be used.</exception>
    public static ReadCorpus Read(CorpusFiles files, CorpusReadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(files);
        if (files.IsAligned)
        {
            return ReadAligned(files.Paths[0], files.Paths[1], options);
        }

        var rows = new RowCollector(options ?? new CorpusReadOptions());
        foreach (var path in files.Paths)
        {
            rows.File = files.Paths.Count > 1 ? path : null;
            ReaderOf(path)(path, rows);
        }

        rows.File = null;
        foreach (var note in files.Notes)
        {
            rows.Note(note);
        }

        return rows.Result();
    }

    /// <summary>Returns whether the file's name has a known format of pairs.</summary>
    /// <param name="path">The file, which need not exist.</param>
    /// <returns>false for an unknown suffix.</returns>
    public static bool KnowsFormatOf(string path) => Find(path) is not null;

    /// <summary>
    /// Reads tab-separated columns. Quotes are text and a tab always separates, unless the whole file is quoted as CSV,
    /// which a note then reports.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <returns>The pairs, and the rows left out.</returns>
    /// <exception cref="CorpusException">The file cannot be read, or its header lacks a column.</exception>
    public static ReadCorpus ReadTsv(string path, CorpusReadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Read(path, DelimitedTable.ReadTsv, options);
    }

    /// <summary>Reads one JSON object a line, flat or with the pair inside "translation".</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <returns>The pairs, and the rows left out.</returns>
    /// <exception cref="CorpusException">The file cannot be read.</exception>
    public static ReadCorpus ReadJsonLines(string path, CorpusReadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Read(path, JsonPairs.ReadLines, options);
    }

    /// <summary>Reads two files whose lines belong together.</summary>
    /// <param name="koPath">The Korean file.</param>
    /// <param name="enPath">The English file.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <returns>The pairs, and the rows left out.</returns>
    /// <exception cref="CorpusException">A file cannot be read, or one has more lines than the other.</exception>
    public static ReadCorpus ReadAligned(string koPath, string enPath, CorpusReadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(koPath);
        ArgumentException.ThrowIfNullOrEmpty(enPath);

        var rows = new RowCollector(options ?? new CorpusReadOptions());
        using var korean = CorpusLine.Read(koPath, rows).GetEnumerator();
        using var english = CorpusLine.Read(enPath, rows).GetEnumerator();
        while (true)
        {
            var (hasKorean, hasEnglish) = (korean.MoveNext(), english.MoveNext());
            if (hasKorean != hasEnglish)
            {
                var (longer, shorter, at) = hasKorean
                    ? (koPath, enPath, korean.Current.Number) : (enPath, koPath, english.Current.Number);
                throw new CorpusException(CorpusError.LineCountMismatch, shorter,
                    $"it ends there, but '{longer}' goes on, so its lines are not aligned with these.", at);
            }

            if (!hasKorean)
            {
                return rows.Result();
            }

            var bad = korean.Current.Fault is null ? english.Current : korean.Current;
            if (bad.Fault is { } fault)
            {
                rows.Reject(bad, fault);
            }
            else
            {
                rows.Add(new SentencePair(korean.Current.Text, english.Current.Text), korean.Current.Number);
            }
        }
    }

    private static string Unpacked(string path) =>
        path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path;

    private static ReadCorpus Read(string path, Reader read, CorpusReadOptions? options)
    {
        var rows = new RowCollector(options ?? new CorpusReadOptions());
        read(path, rows);
        return rows.Result();
    }

    private static Reader ReaderOf(string path) => Find(path) ?? throw new CorpusException(
        CorpusError.UnknownFormat, path,
        $"'{Path.GetExtension(Unpacked(path))}' is not a known ending; expected {KnownEndings}.");

    private static Reader? Find(string path)
    {
        var name = Unpacked(path);
        return Path.GetExtension(name).ToUpperInvariant() switch
        {
            ".TSV" or ".TXT" or ".TAB" => DelimitedTable.ReadTsv,
            ".CSV" => DelimitedTable.ReadCsv,
            ".JSONL" or ".NDJSON" => JsonPairs.ReadLines,
            ".JSON" => JsonPairs.Read,
            ".TMX" => TmxFile.Read,
            ".PO" => PoFile.Read,
            ".PARQUET" or ".PQ" when name == path => ParquetTable.Read,
            ".MO" => MoFile.Read,
            _ => null,
        };
    }
}
