using System.Text;

namespace Workflows.Translation.Corpora;

/// <summary>
/// Composes the decomposed text that macOS writes to Unicode's NFC: Hangul of conjoining letters, and Latin letters
/// with a mark. A model would otherwise learn the pieces as another text.
/// </summary>
/// <remarks>The product runs without culture data, where string.Normalize changes nothing but ASCII.</remarks>
internal static class Composition
{
    private const int FirstSyllable = 0xAC00, LastSyllable = 0xD7A3, Vowels = 21, Tails = 28;

    private const string Letters = "ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖÙÚÛÜÝàáâãäåçèéêëìíîïñòóôõöùúûüýÿ";
    private const string Bases = "AAAAAACEEEEIIIINOOOOOUUUUYaaaaaaceeeeiiiinooooouuuuyy";

    // G grave, A acute, C circumflex, T tilde, D diaeresis, R ring, I cedilla: the mark of each letter above.
    private const string Marks = "GACTDRIGACDGACDTGACTDGACDAGACTDRIGACDGACDTGACTDGACDAD";

    private static readonly Dictionary<(char Base, char Mark), char> Latin =
        Enumerable.Range(0, Letters.Length).ToDictionary(at => (Bases[at], Mark(Marks[at])), at => Letters[at]);

    /// <summary>Returns the composed text: the same object if there is nothing to compose.</summary>
    public static string Compose(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\u0300', '\u036F')
            && !text.AsSpan().ContainsAnyInRange('\u1100', '\u11FF'))
        {
            return text;
        }

        var composed = new StringBuilder(text.Length);
        foreach (var value in text)
        {
            if (composed.Length > 0 && Join(composed[^1], value) is { } joined)
            {
                composed[^1] = joined;
            }
            else
            {
                composed.Append(value);
            }
        }

        return composed.Length == text.Length ? text : composed.ToString();
    }

    /// <summary>Returns the character that two characters compose to; null if they do not.</summary>
    public static char? Join(char last, char value) => value switch
    {
        >= '\u1161' and <= '\u1175' when last is >= '\u1100' and <= '\u1112' =>
            (char)(FirstSyllable + ((last - 0x1100) * Vowels + (value - 0x1161)) * Tails),
        >= '\u11A8' and <= '\u11C2' when last is >= (char)FirstSyllable and <= (char)LastSyllable
            && (last - FirstSyllable) % Tails == 0 => (char)(last + (value - 0x11A7)),
        >= '\u0300' and <= '\u036F' when Latin.TryGetValue((last, value), out var letter) => letter,
        _ => null,
    };

    private static char Mark(char name) => name switch
    {
        'G' => '\u0300',
        'A' => '\u0301',
        'C' => '\u0302',
        'T' => '\u0303',
        'D' => '\u0308',
        'R' => '\u030A',
        _ => '\u0327',
    };
}
