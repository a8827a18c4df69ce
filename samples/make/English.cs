namespace Workflows.Samples;

/// <summary>The few forms of English phrases that the grammar needs.</summary>
internal static class English
{
    public static string WithArticle(string phrase) => ("aeiouAEIOU".Contains(phrase[0]) ? "an " : "a ") + phrase;

    public static string Plural(string phrase) => phrase + "s";

    /// <summary>"a towel" gives "another towel", "two towels" gives "two more towels".</summary>
    public static string More(string phrase)
    {
        var space = phrase.IndexOf(' ', StringComparison.Ordinal);
        var first = phrase[..space];
        return first is "a" or "an" ? "another" + phrase[space..] : first + " more" + phrase[space..];
    }

    public static string Capitalized(string sentence) => char.ToUpperInvariant(sentence[0]) + sentence[1..];
}
