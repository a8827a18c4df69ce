namespace Workflows.Translation.Corpora;

/// <summary>The names of a language in a table, an object or a translation memory.</summary>
internal static class LanguageName
{
    private static readonly string[] Korean = ["ko", "kor", "korean", "한국어"];
    private static readonly string[] English = ["en", "eng", "english", "영어"];

    /// <summary>
    /// Returns whether a name is the wanted one, ignoring case. The defaults "ko" and "en" also match the language's
    /// other names, and each with a region: "ko-KR", "en_US".
    /// </summary>
    public static bool Is(string given, string wanted)
    {
        if (string.Equals(given, wanted, StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        string[] names = wanted is "ko" ? Korean : wanted is "en" ? English : [wanted];
        return names.Any(name => given.StartsWith(name, StringComparison.OrdinalIgnoreCase)
            && (given.Length == name.Length || (given.Length > name.Length && given[name.Length] is '-' or '_')));
    }

    /// <summary>Returns the index of a language among names, preferring an exact match; -1 for none.</summary>
    public static int Find(IReadOnlyList<string> names, string wanted)
    {
        var at = names.ToList().FindIndex(name => name.Equals(wanted, StringComparison.OrdinalIgnoreCase));
        return at >= 0 ? at : names.ToList().FindIndex(name => Is(name, wanted));
    }
}
