using System.Buffers.Binary;
using System.Text.Unicode;

namespace Workflows.Translation.Corpora;

/// <summary>
/// Converts UTF-16 text to UTF-8, and passes every other text unchanged. UTF-16 is recognised by its byte order mark,
/// or by the zeros of its ASCII characters. Half of a surrogate pair becomes a byte that is invalid in UTF-8, so that
/// its row is counted as bad.
/// </summary>
internal sealed class Utf16Stream(Stream inner, string path) : ForwardStream(inner)
{
    private const int BufferBytes = 1 << 15, Utf8BytesOfUnit = 3;

    // UTF-16 is assumed if this share of the first bytes is zero, and one half of the units has so many times more
    // zeros.
    private const int HeadBytes = 4096, ZeroShare = 16, Clear = 4;
    private const byte NoUtf8 = 0xFF;

    private readonly Stream _inner = inner;
    private readonly byte[] _packed = new byte[BufferBytes];
    private readonly char[] _units = new char[BufferBytes / 2];
    private byte[] _ready = [];
    private int _start, _end;
    private int _packedCount, _unitCount;
    private Form _form;

    private enum Form
    {
        Unknown,
        Other,
        LittleEndian,
        BigEndian,
    }

    public override int Read(Span<byte> buffer)
    {
        if (_form == Form.Unknown)
        {
            Begin();
        }

        while (_start == _end && _form != Form.Other && buffer.Length > 0 && Convert())
        {
        }

        if (_start == _end)
        {
            return _form == Form.Other ? _inner.Read(buffer) : 0;
        }

        var count = Math.Min(buffer.Length, _end - _start);
        _ready.AsSpan(_start, count).CopyTo(buffer);
        _start += count;
        return count;
    }

    private void Begin()
    {
        _packedCount = _inner.ReadAtLeast(_packed.AsSpan(0, HeadBytes), HeadBytes, throwOnEndOfStream: false);
        ReadOnlySpan<byte> head = _packed.AsSpan(0, _packedCount);
        if (head is [0xFF, 0xFE, 0, 0, ..] or [0, 0, 0xFE, 0xFF, ..])
        {
            throw new CorpusException(CorpusError.FileUnreadable, path,
                $"its text is UTF-32; convert it: iconv -f utf-32 -t utf-8 '{path}' > '{path}.utf8'.");
        }

        var (first, second) = Zeros(head);
        _form = head is [0xFF, 0xFE, ..] or [not 0, 0, not 0, 0, ..] || IsUtf16(second, first, head) ? Form.LittleEndian
            : head is [0xFE, 0xFF, ..] or [0, not 0, 0, not 0, ..] || IsUtf16(first, second, head) ? Form.BigEndian
            : Form.Other;
        if (_form == Form.Other)
        {
            (_ready, _end, _packedCount) = (_packed, _packedCount, 0);
            return;
        }

        _ready = new byte[_units.Length * Utf8BytesOfUnit];
    }

    // A syllable such as U+AC00 has a zero in its other byte.
    private static bool IsUtf16(int zeros, int others, ReadOnlySpan<byte> head) =>
        zeros > 1 && zeros >= head.Length / ZeroShare && zeros >= Clear * others && !Utf8.IsValid(head);

    /// <summary>Counts the zero bytes in the first and in the second half of each unit.</summary>
    private static (int First, int Second) Zeros(ReadOnlySpan<byte> head)
    {
        var (first, second) = (0, 0);
        for (var at = 0; at < head.Length; at++)
        {
            first += head[at] == 0 && at % 2 == 0 ? 1 : 0;
            second += head[at] == 0 && at % 2 == 1 ? 1 : 0;
        }

        return (first, second);
    }

    /// <summary>Converts more bytes; returns false at the end.</summary>
    private bool Convert()
    {
        var count = _inner.Read(_packed.AsSpan(_packedCount));
        var isLast = count == 0;
        _packedCount += count;
        (_start, _end) = (0, 0);
        var whole = Math.Min(_packedCount / 2, _units.Length - _unitCount);
        for (var at = 0; at < whole; at++)
        {
            var two = _packed.AsSpan(2 * at, 2);
            _units[_unitCount++] = (char)(_form == Form.LittleEndian
                ? BinaryPrimitives.ReadUInt16LittleEndian(two) : BinaryPrimitives.ReadUInt16BigEndian(two));
        }

        _packed.AsSpan(2 * whole, _packedCount - 2 * whole).CopyTo(_packed);
        _packedCount -= 2 * whole;
        Encode(isLast && _packedCount < 2);
        if (isLast && _packedCount == 1)
        {
            // Half of a unit at the end.
            (_ready[_end++], _packedCount) = (NoUtf8, 0);
        }

        return !isLast || _end > 0;
    }

    private void Encode(bool isLast)
    {
        ReadOnlySpan<char> rest = _units.AsSpan(0, _unitCount);
        while (!rest.IsEmpty)
        {
            Utf8.FromUtf16(rest, _ready.AsSpan(_end), out var read, out var written, replaceInvalidSequences: false,
                isFinalBlock: isLast);
            _end += written;
            rest = rest[read..];
            if (rest.IsEmpty || (!isLast && rest.Length == 1 && char.IsHighSurrogate(rest[0])))
            {
                break;
            }

            _ready[_end++] = NoUtf8;
            rest = rest[1..];
        }

        _unitCount = rest.Length;
        rest.CopyTo(_units);
    }
}
