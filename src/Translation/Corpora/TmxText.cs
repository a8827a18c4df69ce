using System.Text;

namespace Workflows.Translation.Corpora;

/// <summary>
/// Gives the text of a translation memory so that XML can be read from it whatever it holds: characters that XML
/// forbids and bytes that are none become marks, and text without end is cut. A unit with a mark is a bad row; without
/// them one character would make the whole memory unreadable.
/// </summary>
internal sealed class TmxText(TextReader inner, int maxRun) : TextReader
{
    // Characters that Unicode keeps for no text, and that XML allows.
    private const char Forbidden = '\uFDD0', Cut = '\uFDD1', NoUtf8 = '\uFDD2';

    private int _run;

    /// <summary>UTF-8 whose faults are marked.</summary>
    public static Encoding Utf8 { get; } = Encoding.GetEncoding(
        "utf-8", EncoderFallback.ReplacementFallback, new DecoderReplacementFallback($"{NoUtf8}"));

    /// <summary>What is wrong with a segment; null for nothing.</summary>
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
        while (true)
        {
            var read = inner.Read(buffer, index, count);
            var kept = index;
            foreach (var value in buffer.AsSpan(index, read))
            {
                _run = value == '<' ? 0 : _run + 1;
                if (_run <= maxRun)
                {
                    buffer[kept++] = IsAllowed(value) ? value : Forbidden;
                }
                else if (_run == maxRun + 1)
                {
                    buffer[kept++] = Cut;
                }
                else
                {
                    // No more than the mark is kept, and the count must not overflow.
                    _run = maxRun + 2;
                }
            }

            if (kept > index || read == 0)
            {
                return kept - index;
            }
        }
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
}
