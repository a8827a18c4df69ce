using System.Buffers;
using System.Globalization;

namespace Workflows.Translation.Metrics;

/// <summary>The few text rules of Python that scores depend on.</summary>
internal static class PythonText
{
    /// <summary>White space as <c>str.split</c> sees it: .NET's, and the four separators U+001C to U+001F.</summary>
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

    /// <summary>Words joined by one space, as <c>' '.join(text.split())</c>.</summary>
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
    /// A fixed number of decimals, exact ties to even. .NET rounds them away from zero, Python does not.
    /// </summary>
    public static string Fixed(double value, int decimals)
    {
        var format = "F" + decimals.ToString(CultureInfo.InvariantCulture);
        // A tie is an odd multiple of half a unit of the last decimal, which a double can only be in eighths and so on.
        var isDyadic = Math.Abs(value) < 1e9 && double.IsInteger(value * (1 << (decimals + 1)));
        return isDyadic
            ? decimal.Round((decimal)value, decimals, MidpointRounding.ToEven)
                .ToString(format, CultureInfo.InvariantCulture)
            : value.ToString(format, CultureInfo.InvariantCulture);
    }
}
