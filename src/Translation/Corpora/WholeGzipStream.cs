using System.IO.Compression;

namespace Workflows.Translation.Corpora;

/// <summary>Unpacks gzip, and fails at its end unless the last member is complete, with checksum and length.</summary>
/// <remarks>
/// <see cref="GZipStream"/> ends silently where its input does, in the middle of a member or before its trailer. Here a
/// small member of known content is appended to the input: it comes out as the last bytes if, and only if, everything
/// before it was complete. Otherwise its bytes are read as the missing ones, and the output differs.
/// </remarks>
internal sealed class WholeGzipStream : ForwardStream
{
    private static readonly byte[] Mark = Guid.NewGuid().ToByteArray();

    private readonly GZipStream _unpacked;
    private readonly byte[] _tail = new byte[Mark.Length];
    private byte[] _chunk = [];
    private int _held;
    private bool _hasEnded;

    public WholeGzipStream(Stream packed)
        : this(new GZipStream(new Marked(packed), CompressionMode.Decompress))
    {
    }

    private WholeGzipStream(GZipStream unpacked)
        : base(unpacked) => _unpacked = unpacked;

    public override int Read(Span<byte> buffer)
    {
        while (!_hasEnded && buffer.Length > 0)
        {
            // The last bytes so far are withheld, since they may be the appended member.
            Array.Resize(ref _chunk, Math.Max(_chunk.Length, _held + buffer.Length));
            _tail.AsSpan(0, _held).CopyTo(_chunk);
            var read = Unpack(_held, buffer.Length);
            var count = _held + read;
            _held = Math.Min(count, _tail.Length);
            _chunk.AsSpan(count - _held, _held).CopyTo(_tail);
            if (read == 0)
            {
                _hasEnded = true;
                RequireMark();
            }
            else if (count > _held)
            {
                _chunk.AsSpan(0, count - _held).CopyTo(buffer);
                return count - _held;
            }
        }

        return 0;
    }

    // .NET's message about damaged data names an archive's entries and a method, but not gzip.
    private static InvalidDataException Damaged(Exception? inner) => new(
        "its gzip data is damaged or cut short, or something else follows it; 'gzip -t' tells the same. "
        + "Copy or pack the file again.", inner);

    private int Unpack(int at, int count)
    {
        try
        {
            return _unpacked.Read(_chunk, at, count);
        }
        catch (InvalidDataException error)
        {
            throw Damaged(error);
        }
    }

    private void RequireMark()
    {
        if (!_tail.AsSpan(0, _held).SequenceEqual(Mark))
        {
            throw Damaged(null);
        }
    }

    /// <summary>The packed bytes, followed by the appended member.</summary>
    private sealed class Marked(Stream packed) : ForwardStream(packed)
    {
        private static readonly byte[] Member = Pack();

        private readonly Stream _packed = packed;
        private bool _isEmpty = true;
        private int _given;

        public override int Read(Span<byte> buffer)
        {
            var read = _given > 0 ? 0 : _packed.Read(buffer);
            _isEmpty &= read == 0;
            // A file without a single member is not gzip either.
            if (read > 0 || _isEmpty)
            {
                return read;
            }

            read = Math.Min(buffer.Length, Member.Length - _given);
            Member.AsSpan(_given, read).CopyTo(buffer);
            _given += read;
            return read;
        }

        private static byte[] Pack()
        {
            using var member = new MemoryStream();
            using (var gzip = new GZipStream(member, CompressionMode.Compress))
            {
                gzip.Write(Mark);
            }

            return member.ToArray();
        }
    }
}
