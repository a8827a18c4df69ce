using System.Globalization;
using System.Text;

namespace Workflows.Translation.Corpora;

/// <summary>
/// Filters the text of a translation memory so that XML can be read from any content: characters that XML forbids and
/// bytes that are not UTF-8 become marks, and text without end is cut. A unit with a mark is a bad row; otherwise one
/// character would make the whole memory unreadable.
/// </summary>
internal sealed class TmxText(TextReader inner, int maxRun) : TextReader
{
    // Unicode noncharacters, which XML allows.
    private const char Forbidden = '\uFDD0', Cut = '\uFDD1', NoUtf8 = '\uFDD2';

    // "&#x10FFFF;" with some zeros before it.
    private const int LongestReference = 16;

    private const string BeginOfData = "<![CDATA[";

    private readonly char[] _held = new char[1 << 13];
    private int _at, _end, _run, _passing;

    // The end of a section without markup: CDATA, a comment, an instruction.
    private string? _until;

    /// <summary>UTF-8 whose invalid bytes are marked.</summary>
    public static Encoding Utf8 { get; } = Encoding.GetEncoding(
        "utf-8", EncoderFallback.ReplacementFallback, new DecoderReplacementFallback($"{NoUtf8}"));

    /// <summary>Returns the fault of a segment; null for none.</summary>
    public static RowFault? Fault(string segment) =>
        segment.Contains(NoUtf8, StringComparison.Ordinal) ? RowFault.InvalidUtf8
        : segment.Contains(Cut, StringComparison.Ordinal) ? RowFault.LineTooLong
        : segment.Contains(Forbidden, StringComparison.Ordinal) || !segment.All(IsAllowed)
            || !Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(segment)).Equals(segment, StringComparison.Ordinal)
            ? RowFault.InvalidCharacter
        : null;

    public override int Read(char[] buffer, int index, int count)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        var kept = index;
        while (kept < index + count && Has(1))
        {
            if (Next(_held[_at]) is { } value)
            {
                buffer[kept++] = value;
            }

            _at++;
        }

        return kept - index;
    }

    public override int Read()
    {
        var one = new char[1];
        return Read(one, 0, 1) == 0 ? -1 : one[0];
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private static bool IsAllowed(char value) =>
        value is >= ' ' and < '\uFFFE' or '\t' or '\n' or '\r';

    /// <summary>Returns the output for the current character; null for none.</summary>
    private char? Next(char value)
    {
        if (_passing > 0)
        {
            // The rest of a mark, which must pass unchanged.
            _passing--;
            return value;
        }

        if (_until is { } end ? value == end[0] && Follows(end) : value == '<')
        {
            (_until, _passing, _run) = _until is null
                ? (Follows(BeginOfData) ? "]]>" : Follows("<!--") ? "-->" : Follows("<?") ? "?>" : null,
                    Follows(BeginOfData) ? BeginOfData.Length - 1 : Follows("<!--") ? 3 : 0, 0)
                : (null, _until.Length - 1, 0);
            return value;
        }

        // Nothing but the mark is kept, and the count must not overflow.
        _run = Math.Min(_run, maxRun + 1) + 1;
        return _run == maxRun + 1 ? Cut
            : _run > maxRun ? null
            : IsAllowed(value) && (value != '&' || _until is not null || IsReference()) ? value : Forbidden;
    }

    private bool Follows(string text) => Has(text.Length) && _held.AsSpan(_at, text.Length).SequenceEqual(text);

    /// <summary>Returns whether the "&amp;" at the current position begins a reference that XML allows.</summary>
    private bool IsReference()
    {
        Has(LongestReference);
        var text = _held.AsSpan(_at, Math.Min(LongestReference, _end - _at));
        var length = text.IndexOf(';');
        return length > 1 && text[1..length] switch
        {
            "amp" or "lt" or "gt" or "quot" or "apos" => true,
            ['#', 'x', .. var digits] => int.TryParse(digits, NumberStyles.AllowHexSpecifier, null, out var code)
                && Rune.IsValid(code),
            ['#', .. var digits] => int.TryParse(digits, NumberStyles.None, null, out var code) && Rune.IsValid(code),
            _ => false,
        };
    }

    /// <summary>Returns whether so many characters are buffered, after reading more if needed.</summary>
    private bool Has(int count)
    {
        while (_end - _at < count)
        {
            _held.AsSpan(_at, _end - _at).CopyTo(_held);
            (_at, _end) = (0, _end - _at);
            var read = inner.Read(_held, _end, _held.Length - _end);
            if (read == 0)
            {
                return false;
            }

            _end += read;
        }

        return true;
    }
}
