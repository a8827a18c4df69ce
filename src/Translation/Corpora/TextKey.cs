using System.Text;

namespace Workflows.Translation.Corpora;

/// <summary>Computes keys of texts; texts with the same key count as equal for duplicates and leaks.</summary>
internal static class TextKey
{
    /// <summary>Returns the text with white space collapsed, ignoring case, width and Hangul composition.</summary>
    public static string Exact(string text) => Build(text, keepsMarks: true);

    /// <summary>Returns letters and digits only, so that spacing and punctuation make no difference.</summary>
    public static string Near(string text) => Build(text, keepsMarks: false);

    private static string Build(string text, bool keepsMarks)
    {
        var key = new StringBuilder(text.Length);
        var isSpacePending = false;
        foreach (var original in text)
        {
            var value = Fold(original);
            if (char.IsWhiteSpace(value))
            {
                isSpacePending = key.Length > 0;
                continue;
            }

            if (!keepsMarks && !char.IsLetterOrDigit(value) && !char.IsSurrogate(value))
            {
                continue;
            }

            if (isSpacePending && keepsMarks)
            {
                key.Append(' ');
            }

            isSpacePending = false;
            Append(key, value);
        }

        return key.ToString();
    }

    // The product runs without culture data, where string.Normalize changes nothing but ASCII.
    private static char Fold(char value) => value switch
    {
        >= '\uFF01' and <= '\uFF5E' => char.ToLowerInvariant((char)(value - 0xFEE0)),
        '‘' or '’' => '\'',
        '“' or '”' => '"',
        _ => char.ToLowerInvariant(value),
    };

    private static void Append(StringBuilder key, char value)
    {
        if (key.Length > 0 && Composition.Join(key[^1], value) is { } joined)
        {
            key[^1] = joined;
        }
        else
        {
            key.Append(value);
        }
    }
}
