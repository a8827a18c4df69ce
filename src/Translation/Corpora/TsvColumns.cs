namespace Workflows.Translation.Corpora;

/// <summary>Where the two languages are in a table; without a header any number of columns from two will do.</summary>
internal sealed record TsvColumns(int Ko, int En, int? Count)
{
    /// <summary>The columns by name; null where the line is not a header after all.</summary>
    public static TsvColumns? FromHeader(string path, CorpusLine line, CorpusReadOptions options)
    {
        var names = line.Text.Split('\t').Select(name => name.Trim()).ToArray();
        var (ko, en) = (Find(names, options.KoColumn), Find(names, options.EnColumn));
        if (ko >= 0 && en >= 0)
        {
            return new TsvColumns(ko, en, names.Length);
        }

        // A name that is not the default was asked for on purpose, so the file must have it.
        var isAsked = options.Header == HeaderLine.Present || options.KoColumn != "ko" || options.EnColumn != "en";
        return !isAsked ? null : throw new CorpusException(CorpusError.ColumnMissing, path,
            $"the header has no column '{(ko < 0 ? options.KoColumn : options.EnColumn)}'; "
            + $"it has {string.Join(", ", names.Select(name => $"'{name}'"))}.", line.Number);
    }

    private static int Find(string[] names, string wanted) =>
        Array.FindIndex(names, name => string.Equals(name, wanted, StringComparison.OrdinalIgnoreCase));
}
