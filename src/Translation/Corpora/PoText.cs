using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Workflows.Translation.Corpora;

/// <summary>
/// The text of a message in a gettext file, given as quoted pieces. It is kept as bytes: an escape is one byte, and the
/// bytes of a character may be escapes in two pieces.
/// </summary>
internal sealed class PoText
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    public long Bytes => _bytes.WrittenCount;

    public bool IsUtf8 => Utf8.IsValid(_bytes.WrittenSpan);

    /// <summary>Adds a piece with its quotes; returns false if it is not valid.</summary>
    public bool TryAdd(ReadOnlySpan<char> quoted)
    {
        if (quoted.Length < 2 || quoted[0] != '"' || quoted[^1] != '"')
        {
            return false;
        }

        var rest = quoted[1..^1];
        while (!rest.IsEmpty)
        {
            var plain = rest.IndexOfAny('\\', '"');
            plain = plain < 0 ? rest.Length : plain;
            Encoding.UTF8.GetBytes(rest[..plain], _bytes);
            rest = rest[plain..];
            if (!rest.IsEmpty && !TryTakeEscape(ref rest))
            {
                return false;
            }
        }

        return true;
    }

    public override string ToString() => Encoding.UTF8.GetString(_bytes.WrittenSpan);

    private bool TryTakeEscape(ref ReadOnlySpan<char> rest)
    {
        if (rest is not ['\\', var letter, ..])
        {
            return false;
        }

        var octal = CountOf(rest[1..], 3, each => each is >= '0' and <= '7');
        var hexadecimal = letter == 'x' ? CountOf(rest[2..], 2, char.IsAsciiHexDigit) : 0;
        if (octal > 0)
        {
            _bytes.Write([rest.Slice(1, octal).ToString().Aggregate(
                (byte)0, (value, digit) => (byte)((value * 8) + digit - '0'))]);
        }
        else if (hexadecimal > 0)
        {
            _bytes.Write([byte.Parse(rest.Slice(2, hexadecimal), NumberStyles.AllowHexSpecifier, null)]);
        }
        else
        {
            Encoding.UTF8.GetBytes(Unescaped(rest[1..]), _bytes);
        }

        // A high surrogate is followed by its low surrogate.
        rest = rest[(octal > 0 ? 1 + octal : hexadecimal > 0 ? 2 + hexadecimal : 1 + Unescaped(rest[1..]).Length)..];
        return true;
    }

    private static int CountOf(ReadOnlySpan<char> text, int most, Func<char, bool> isDigit)
    {
        var count = 0;
        while (count < most && count < text.Length && isDigit(text[count]))
        {
            count++;
        }

        return count;
    }

    private static string Unescaped(ReadOnlySpan<char> text) => text[0] switch
    {
        'n' => "\n",
        't' => "\t",
        'r' => "\r",
        'a' => "\a",
        'b' => "\b",
        'f' => "\f",
        'v' => "\v",
        _ => text[..(char.IsHighSurrogate(text[0]) && text.Length > 1 ? 2 : 1)].ToString(),
    };
}
