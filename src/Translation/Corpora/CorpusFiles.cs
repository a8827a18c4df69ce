namespace Workflows.Translation.Corpora;

/// <summary>The files of one corpus.</summary>
public sealed record CorpusFiles
{
    private const int MostFiles = 1000, HeadBytes = 4096, NamesShown = 5;

    // Limits on the search for names with commas, so that a list is read in linear time.
    private const int MostParts = 10_000, MostPartsOfName = 16;

    private CorpusFiles(IReadOnlyList<string> paths, bool isAligned = false, IReadOnlyList<string>? notes = null) =>
        (Paths, IsAligned, Notes) = (paths, isAligned, notes ?? []);

    /// <summary>The files in the order of reading.</summary>
    public IReadOnlyList<string> Paths { get; }

    /// <summary>
    /// Gets a value indicating whether the lines of the first file, Korean, belong to those of the second, English.
    /// </summary>
    public bool IsAligned { get; }

    /// <summary>Gets notes about the files of a folder that are not read.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>
    /// Splits a list at its commas. A file or folder whose name has commas is found by its whole name, alone or, with
    /// at most 15 commas, in a list.
    /// </summary>
    /// <param name="given">A path, or several separated by commas.</param>
    /// <param name="folder">The folder of relative paths; null for the working folder.</param>
    /// <returns>The paths without white space around them.</returns>
    public static IReadOnlyList<string> Names(string given, string? folder = null)
    {
        ArgumentNullException.ThrowIfNull(given);
        bool Exists(string path) => Path.Exists(folder is null ? path : Path.Combine(folder, path));
        if (Exists(given))
        {
            return [given];
        }

        var parts = given.Split(',');
        var names = new List<string>();
        for (var start = 0; start < parts.Length;)
        {
            var end = parts.Length > MostParts ? start + 1 : Math.Min(parts.Length, start + MostPartsOfName);
            while (end > start + 1 && !Exists(string.Join(',', parts[start..end]).Trim()))
            {
                end--;
            }

            names.Add(string.Join(',', parts[start..end]).Trim());
            start = end;
        }

        return names;
    }

    /// <summary>Finds the files of a corpus.</summary>
    /// <param name="given">
    /// A file of pairs; several, or a folder of them, which are read one after the other; or two aligned files of plain
    /// text, Korean and English.
    /// </param>
    /// <returns>The files.</returns>
    /// <exception cref="CorpusException">A file is missing, or the files do not belong together.</exception>
    public static CorpusFiles Of(string given)
    {
        var names = Names(given);
        if (names.Count == 1)
        {
            return Directory.Exists(names[0]) ? OfFolder(names[0]) : new CorpusFiles(names);
        }

        if (names.Count > MostFiles)
        {
            throw new CorpusException(
                CorpusError.TooLarge, given, $"{names.Count} files are named, at most {MostFiles}.");
        }

        foreach (var name in names)
        {
            CorpusStream.RequireFile(name);
        }

        var plain = names.Where(name => !IsOfPairs(name)).ToList();
        if (plain.Count == 0)
        {
            return new CorpusFiles(names);
        }

        if (plain.Count == names.Count && names.Count == 2)
        {
            return new CorpusFiles(names, isAligned: true);
        }

        var ofPairs = names.Except(plain).ToList();
        throw new CorpusException(CorpusError.MixedFormats, given, (ofPairs.Count == 0
            ? $"{names.Count} files of plain text are named ({Shown(plain)}), but only two can be aligned. "
            : $"{Shown(ofPairs)} {(ofPairs.Count == 1 ? "is a file" : "are files")} of pairs, {Shown(plain)} "
                + $"{(plain.Count == 1 ? "is" : "are")} plain text. ")
            + $"Give files of pairs ({CorpusReader.KnownEndings}), or two aligned files of plain text \"a.ko,a.en\".");
    }

    private static CorpusFiles OfFolder(string folder)
    {
        var files = Directory.EnumerateFiles(folder)
            .Where(file => Path.GetFileName(file)[0] is not ('.' or '_')).Order(StringComparer.Ordinal)
            .Take(MostFiles + 1).ToList();
        var known = files.Where(CorpusReader.KnowsFormatOf).ToList();
        var formats = known.GroupBy(Format, StringComparer.OrdinalIgnoreCase).ToList();
        if (formats.Count > 1)
        {
            throw new CorpusException(CorpusError.MixedFormats, folder,
                $"the folder has files of several formats ({Shown([.. formats.Select(each => each.First())])}); "
                + "name the files with commas between them, or leave one format in the folder.");
        }

        if (known.Count == 0 || files.Count > MostFiles)
        {
            throw new CorpusException(known.Count == 0 ? CorpusError.FileNotFound : CorpusError.TooLarge, folder,
                $"the folder has {(known.Count == 0 ? "no file" : $"more than {MostFiles} files")}; "
                + $"give a folder of files that end in {CorpusReader.KnownEndings}.");
        }

        var others = files.Except(known).ToList();
        return new CorpusFiles(known, notes: others.Count == 0 ? [] : [$"not read, no file of pairs: {Shown(others)}"]);
    }

    // Plain text files end in .txt as often as tables do; only a table has tabs.
    private static bool IsOfPairs(string path) => CorpusReader.KnowsFormatOf(path)
        && (!Format(path).Equals(".txt", StringComparison.OrdinalIgnoreCase)
            || CorpusStream.Head(path, HeadBytes).AsSpan().Contains((byte)'\t'));

    private static string Format(string path) => Path.GetExtension(
        path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path);

    private static string Shown(List<string> paths) =>
        string.Join(", ", paths.Take(NamesShown).Select(path => $"'{Path.GetFileName(path)}'"))
        + (paths.Count > NamesShown ? $" and {paths.Count - NamesShown} more" : "");
}
