using System.Text.Json;

namespace Workflows.Translation.Corpora;

/// <summary>
/// Reads parallel text as people have it: tables, JSON lines, translation memories, gettext, Parquet, two aligned
/// files; UTF-8, gzip where the name ends in ".gz". A bad row is counted and never stops the reading; a bad file is a
/// <see cref="CorpusException"/>.
/// </summary>
public static class CorpusReader
{
    /// <summary>Gets the endings of names that <see cref="Read"/> knows, in words.</summary>
    public static string KnownEndings =>
        ".tsv, .txt, .jsonl, .tmx, .po or .mo, each also with .gz, or .parquet";

    /// <summary>
    /// Reads one file by the format that its name tells: .tsv, .txt, .jsonl, .tmx, .po or .mo, each also with .gz,
    /// or .parquet.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Settings; null means the defaults.</param>
    /// <returns>The pairs, and what was left out.</returns>
    /// <exception cref="CorpusException">The file as a whole cannot be used.</exception>
    public static ReadCorpus Read(string path, CorpusReadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);

        return Reader(path) is { } read
            ? read(path, options ?? new CorpusReadOptions())
            : throw new CorpusException(CorpusError.UnknownFormat, path,
                $"'{Path.GetExtension(Unpacked(path))}' is not a known ending; expected {KnownEndings}.");
    }

    /// <summary>Says whether the file's name tells a format that <see cref="Read"/> reads.</summary>
    /// <param name="path">The file, which need not exist.</param>
    /// <returns>False for an unknown ending.</returns>
    public static bool KnowsFormatOf(string path) => Reader(path) is not null;

    /// <summary>Reads tab-separated columns. Quotes mean nothing; a tab always separates.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Settings; null means the defaults.</param>
    /// <returns>The pairs, and what was left out.</returns>
    /// <exception cref="CorpusException">The file cannot be read, or its header lacks a column.</exception>
    public static ReadCorpus ReadTsv(string path, CorpusReadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new CorpusReadOptions();

        var rows = new RowCollector(options.SamplesPerFault);
        var columns = new TsvColumns(0, 1, null);
        foreach (var line in CorpusLine.Read(path, options.MaxLineBytes))
        {
            if (line.Number == 1 && options.Header != HeaderLine.Absent
                && TsvColumns.FromHeader(path, line, options) is { } named)
            {
                columns = named;
                continue;
            }

            if (line.Fault is { } fault)
            {
                rows.Reject(line, fault);
                continue;
            }

            var fields = line.Text.Split('\t');
            if (fields.Length <= Math.Max(columns.Ko, columns.En) || fields.Length < columns.Count)
            {
                rows.Reject(line, RowFault.TooFewColumns);
            }
            else if (fields.Length > columns.Count)
            {
                rows.Reject(line, RowFault.TooManyColumns);
            }
            else
            {
                rows.Add(new SentencePair(fields[columns.Ko], fields[columns.En]));
            }
        }

        return rows.Result();
    }

    /// <summary>Reads one JSON object a line, flat or with the pair inside "translation".</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Settings; null means the defaults.</param>
    /// <returns>The pairs, and what was left out.</returns>
    /// <exception cref="CorpusException">The file cannot be read.</exception>
    public static ReadCorpus ReadJsonLines(string path, CorpusReadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new CorpusReadOptions();

        var rows = new RowCollector(options.SamplesPerFault);
        foreach (var line in CorpusLine.Read(path, options.MaxLineBytes))
        {
            if (line.Fault is { } fault)
            {
                rows.Reject(line, fault);
                continue;
            }

            var wrong = TryParse(line.Text, options, out var pair);
            if (wrong is { } reason)
            {
                rows.Reject(line, reason);
            }
            else
            {
                rows.Add(pair);
            }
        }

        return rows.Result();
    }

    /// <summary>Reads two files whose lines belong together.</summary>
    /// <param name="koPath">The Korean file.</param>
    /// <param name="enPath">The English file.</param>
    /// <param name="options">Settings; null means the defaults.</param>
    /// <returns>The pairs, and what was left out.</returns>
    /// <exception cref="CorpusException">A file cannot be read, or one has more lines than the other.</exception>
    public static ReadCorpus ReadAligned(string koPath, string enPath, CorpusReadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(koPath);
        ArgumentException.ThrowIfNullOrEmpty(enPath);
        options ??= new CorpusReadOptions();

        var rows = new RowCollector(options.SamplesPerFault);
        using var korean = CorpusLine.Read(koPath, options.MaxLineBytes).GetEnumerator();
        using var english = CorpusLine.Read(enPath, options.MaxLineBytes).GetEnumerator();
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
                rows.Add(new SentencePair(korean.Current.Text, english.Current.Text));
            }
        }
    }

    private static string Unpacked(string path) =>
        path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path;

    private static Func<string, CorpusReadOptions, ReadCorpus>? Reader(string path)
    {
        var name = Unpacked(path);
        return Path.GetExtension(name).ToUpperInvariant() switch
        {
            ".TSV" or ".TXT" or ".TAB" => ReadTsv,
            ".JSONL" or ".NDJSON" => ReadJsonLines,
            ".TMX" => TmxFile.Read,
            ".PO" => PoFile.Read,
            ".PARQUET" or ".PQ" when name == path => ParquetTable.Read,
            ".MO" => MoFile.Read,
            _ => null,
        };
    }

    private static RowFault? TryParse(string text, CorpusReadOptions options, out SentencePair pair)
    {
        pair = default;
        try
        {
            using var document = JsonDocument.Parse(text);
            var row = document.RootElement;
            if (row.ValueKind != JsonValueKind.Object)
            {
                return RowFault.InvalidJson;
            }

            if (row.TryGetProperty("translation", out var nested) && nested.ValueKind == JsonValueKind.Object)
            {
                row = nested;
            }

            if (!row.TryGetProperty(options.KoColumn, out var korean) || korean.ValueKind != JsonValueKind.String
                || !row.TryGetProperty(options.EnColumn, out var english) || english.ValueKind != JsonValueKind.String)
            {
                return RowFault.MissingField;
            }

            pair = new SentencePair(korean.GetString()!, english.GetString()!);
            return null;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // An escaped half of a surrogate pair parses, and only fails when its text is taken.
            return RowFault.InvalidJson;
        }
    }
}
