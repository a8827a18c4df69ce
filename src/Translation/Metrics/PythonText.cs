using System.Buffers;
using System.Globalization;
using System.Text;

namespace Workflows.Translation.Metrics;

/// <summary>The few text rules of Python on which scores depend.</summary>
internal static class PythonText
{
    /// <summary>Returns whether <c>str.split</c> splits at it: .NET's white space, and the separators U+001C to
    /// U+001F.</summary>
    public static bool IsSpace(char value) =>
        value is ' ' or (>= '\x1c' and <= '\x1f') || (value is < '!' or > '~' && char.IsWhiteSpace(value));

    public static string TrimEnd(string text)
    {
        var end = text.Length;
        while (end > 0 && IsSpace(text[end - 1]))
        {
            end--;
        }

        return text[..end];
    }

    public static string TrimStart(string text)
    {
        var start = 0;
        while (start < text.Length && IsSpace(text[start]))
        {
            start++;
        }

        return text[start..];
    }

    /// <summary>Joins words by one space, as <c>' '.join(text.split())</c> does.</summary>
    public static string Collapse(ReadOnlySpan<char> text)
    {
        var result = ArrayPool<char>.Shared.Rent(text.Length);
        var length = 0;
        var isPending = false;
        foreach (var value in text)
        {
            if (IsSpace(value))
            {
                isPending = length > 0;
                continue;
            }

            if (isPending)
            {
                result[length++] = ' ';
                isPending = false;
            }

            result[length++] = value;
        }

        var collapsed = new string(result, 0, length);
        ArrayPool<char>.Shared.Return(result);
        return collapsed;
    }

    /// <summary>
    /// Converts as <c>str.lower</c> does: .NET's result, the dotted capital I as two characters, and a sigma that ends
    /// a word as ς (Unicode 15.0, section 3.13, table 3-17).
    /// </summary>
    public static string Lower(string text)
    {
        if (text.AsSpan().IndexOfAny('İ', 'Σ') < 0)
        {
            return text.ToLowerInvariant();
        }

        var result = new StringBuilder(text.Length + 8);
        var begin = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is 'İ' or 'Σ')
            {
                // Whole stretches between these are converted, since a character may be two of UTF-16.
                result.Append(text[begin..i].ToLowerInvariant());
                result.Append(text[i] == 'İ' ? "i\u0307" : EndsWord(text, i) ? "ς" : "σ");
                begin = i + 1;
            }
        }

        return result.Append(text[begin..].ToLowerInvariant()).ToString();
    }

    /// <summary>
    /// Formats a fixed number of decimals, exact ties to even. .NET rounds them away from zero, Python does not.
    /// </summary>
    public static string Fixed(double value, int decimals)
    {
        var format = "F" + decimals.ToString(CultureInfo.InvariantCulture);
        // A tie is an odd multiple of half a unit of the last decimal, which a double can only represent in eighths and
        // so on.
        var isDyadic = Math.Abs(value) < 1e9 && double.IsInteger(value * (1 << (decimals + 1)));
        return isDyadic
            ? decimal.Round((decimal)value, decimals, MidpointRounding.ToEven)
                .ToString(format, CultureInfo.InvariantCulture)
            : value.ToString(format, CultureInfo.InvariantCulture);
    }

    /// <summary>Returns whether the next letter to the left has case and the next to the right has not.</summary>
    private static bool EndsWord(string text, int at)
    {
        var before = at;
        while (before > 0 && RuneBefore(text, before) is var rune && IsCaseIgnorable(rune))
        {
            before -= rune.Utf16SequenceLength;
        }

        if (before == 0 || !IsCased(RuneBefore(text, before)))
        {
            return false;
        }

        var after = at + 1;
        while (after < text.Length && RuneAt(text, after) is var rune && IsCaseIgnorable(rune))
        {
            after += rune.Utf16SequenceLength;
        }

        return after == text.Length || !IsCased(RuneAt(text, after));
    }

    private static Rune RuneAt(string text, int at)
    {
        Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out _);
        return rune;
    }

    private static Rune RuneBefore(string text, int at)
    {
        Rune.DecodeLastFromUtf16(text.AsSpan(0, at), out var rune, out _);
        return rune;
    }

    // The property Cased: letters with case, and Other_Uppercase and Other_Lowercase that are no modifier letters.
    private static bool IsCased(Rune rune) =>
        Rune.GetUnicodeCategory(rune)
            is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        || rune.Value is 'ª' or 'º' or (>= 0x2160 and <= 0x217F) or (>= 0x24B6 and <= 0x24E9)
            or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189);

    // The property Case_Ignorable: marks, formats, modifiers, and the classes MidLetter, MidNumLet and Single_Quote of
    // Word_Break.
    private static bool IsCaseIgnorable(Rune rune) =>
        Rune.GetUnicodeCategory(rune)
            is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
            or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol
        || (rune.IsBmp && "'.:\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a"
            .Contains((char)rune.Value, StringComparison.Ordinal));
}
