using System.Globalization;

namespace Workflows.Translation.Corpora;

/// <summary>Counts the letters of a text that are Hangul, and those that are Latin.</summary>
internal readonly record struct ScriptShare(int Letters, int Hangul, int Latin)
{
    /// <summary>Share of the letters; 1 if there are none, since "1,000" is right in any language.</summary>
    public double HangulShare => Letters == 0 ? 1 : (double)Hangul / Letters;

    public double LatinShare => Letters == 0 ? 1 : (double)Latin / Letters;

    public static ScriptShare Of(string text)
    {
        var (letters, hangul, latin) = (0, 0, 0);
        foreach (var rune in text.EnumerateRunes())
        {
            if (!System.Text.Rune.IsLetter(rune))
            {
                continue;
            }

            letters++;
            hangul += IsHangul(rune.Value) ? 1 : 0;
            latin += rune.Value is < 0x250 or >= 0x1E00 and < 0x1F00 or >= 0xFF21 and <= 0xFF5A ? 1 : 0;
        }

        return new ScriptShare(letters, hangul, latin);
    }

    /// <summary>
    /// Returns whether a text is invisible: white space, format and control characters, and Hangul fillers, which
    /// Unicode counts as letters and a reader sees as blanks.
    /// </summary>
    public static bool IsBlank(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (!System.Text.Rune.IsWhiteSpace(rune) && rune.Value is not (0x115F or 0x1160 or 0x3164 or 0xFFA0)
                && System.Text.Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Format or UnicodeCategory.Control))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsHangul(int value) => value
        is >= 0xAC00 and <= 0xD7FF or >= 0x1100 and <= 0x11FF or >= 0x3131 and <= 0x318E or >= 0xA960 and <= 0xA97F;
}
