namespace Workflows.Translation.Corpora;

/// <summary>The columns of the two languages in a table; without a header, a row may have two or more
/// columns.</summary>
internal sealed record TsvColumns(int Ko, int En, int? Count)
{
    private const int LongestName = 30;

    /// <summary>Finds the columns by name; null if the line is not a header.</summary>
    public static TsvColumns? FromHeader(
        string path, IReadOnlyList<string> fields, long line, CorpusReadOptions options)
    {
        var names = fields.Select(name => name.Trim()).ToArray();
        var (ko, en) = (LanguageName.Find(names, options.KoColumn), LanguageName.Find(names, options.EnColumn));
        if (ko >= 0 && en >= 0)
        {
            return new TsvColumns(ko, en, names.Length);
        }

        // A name that is not the default was requested explicitly, so the file must have it.
        var isAsked = options.Header == HeaderLine.Present || options.KoColumn != "ko" || options.EnColumn != "en";
        return !isAsked ? null : throw new CorpusException(CorpusError.ColumnMissing, path,
            $"the header has no column '{(ko < 0 ? options.KoColumn : options.EnColumn)}'; "
            + $"it has {string.Join(", ", names.Select(name => $"'{name}'"))}.", line);
    }

    /// <summary>Returns whether a first line that is read as data looks like names of columns.</summary>
    public static bool LooksLikeHeader(IReadOnlyList<string> fields)
    {
        // "방" and "room" are a pair: names of columns are in one script.
        var isPair = fields.Count >= 2 && HasHangul(fields[0]) && !HasHangul(fields[1]);
        return fields.Count >= 2 && !isPair && fields.All(IsName);
    }

    private static bool IsName(string field)
    {
        var name = field.Trim();
        return name.Length <= LongestName && name.Count(char.IsWhiteSpace) <= 1 && name.Any(char.IsLetter)
            && name.All(each => char.IsLetterOrDigit(each) || each is '_' or '-' or ' ' or '.' or '(' or ')')
            && !name.EndsWith('.');
    }

    private static bool HasHangul(string text) => text.AsSpan().ContainsAnyInRange('가', '힣');
}
