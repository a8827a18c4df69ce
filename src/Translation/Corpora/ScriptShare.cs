namespace Workflows.Translation.Corpora;

/// <summary>How many letters of a text are Hangul and how many Latin.</summary>
internal readonly record struct ScriptShare(int Letters, int Hangul, int Latin)
{
    /// <summary>Share of the letters, or 1 where there are none: "1,000" is right in any language.</summary>
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

    private static bool IsHangul(int value) => value
        is >= 0xAC00 and <= 0xD7FF or >= 0x1100 and <= 0x11FF or >= 0x3131 and <= 0x318E or >= 0xA960 and <= 0xA97F;
}
