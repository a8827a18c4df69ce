using System.Text;

namespace Workflows.GoogleCloud.TpuEmulator.Buckets;

/// <summary>
/// Reads the parts of a multipart/related body, one after the other. Lines end with CRLF as RFC 2046 requires, or with
/// LF alone as Google's command writes them, which the framework's reader refuses.
/// </summary>
internal sealed class RelatedParts : IAsyncDisposable
{
    private const string Parameter = "boundary=";
    private const int MostHeaderBytes = 16 << 10;
    private readonly Stream _body;
    private readonly byte[] _mark;
    private readonly byte[] _buffer = new byte[256 << 10];
    private int _start, _end;
    private bool _isOver, _skipsBreak, _hasReturns;

    public RelatedParts(Stream body, string? contentType)
    {
        _body = body;

        // Parsed by hand: Google's command puts it in single quotes, with characters that a token may not have.
        var at = contentType?.IndexOf(Parameter, StringComparison.OrdinalIgnoreCase) ?? -1;
        var boundary = at < 0 ? null : contentType![(at + Parameter.Length)..].Split(';')[0].Trim().Trim('"', '\'');
        _mark = string.IsNullOrEmpty(boundary) || boundary.Length > 200
            ? throw StorageError.Invalid("Missing or malformed boundary of the multipart request.")
            : Encoding.UTF8.GetBytes($"\n--{boundary}");
    }

    /// <summary>Gets the Content-Type of the part.</summary>
    public string? ContentType { get; private set; }

    /// <summary>Moves to the next part, past its headers.</summary>
    /// <returns>Its content, which ends before the next boundary.</returns>
    public async Task<Stream> NextAsync(CancellationToken cancellation)
    {
        if (_end == 0 && _start == 0)
        {
            // The first boundary has no line before it, so a line break is put in front.
            _buffer[_end++] = (byte)'\n';
        }

        await new PartStream(this).CopyToAsync(Stream.Null, cancellation);
        _isOver = false;
        _start += _mark.Length;
        ContentType = null;
        await LineAsync(cancellation);
        for (var line = await LineAsync(cancellation); line.Length > 0; line = await LineAsync(cancellation))
        {
            if (line.StartsWith("content-type:", StringComparison.OrdinalIgnoreCase))
            {
                ContentType = line["content-type:".Length..].Trim();
            }
        }

        // The line break that ends the headers may begin the boundary of an empty part.
        _start--;
        _buffer[_start] = (byte)'\n';
        _skipsBreak = true;
        return new PartStream(this);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task<string> LineAsync(CancellationToken cancellation)
    {
        for (var length = 0; ;)
        {
            var at = _buffer.AsSpan(_start + length, _end - _start - length).IndexOf((byte)'\n');
            if (at >= 0)
            {
                var line = Encoding.UTF8.GetString(_buffer, _start, length + at).TrimEnd('\r');
                _hasReturns = length + at > 0 && _buffer[_start + length + at - 1] == '\r';
                _start += length + at + 1;
                return line;
            }

            length = _end - _start;
            if (length > MostHeaderBytes || !await FillAsync(cancellation))
            {
                throw StorageError.Invalid("Malformed multipart body.");
            }
        }
    }

    private async Task<bool> FillAsync(CancellationToken cancellation)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        var count = await _body.ReadAsync(_buffer.AsMemory(_end), cancellation);
        _end += count;
        return count > 0;
    }

    /// <summary>Reads content up to the next boundary, whose line break belongs to it.</summary>
    private async Task<int> ReadAsync(Memory<byte> target, CancellationToken cancellation)
    {
        while (!_isOver && target.Length > 0)
        {
            var held = _buffer.AsSpan(_start, _end - _start);
            var at = held.IndexOf(_mark);
            if (at >= 0)
            {
                // A carriage return before the mark is part of the boundary if the header lines end with CRLF, and the
                // last byte of the content if they end with LF alone, as in Google's command.
                var (from, to) = (
                    _skipsBreak ? 1 : 0, at > 0 && _hasReturns && held[at - 1] == '\r' ? at - 1 : at);
                if (to <= from)
                {
                    (_isOver, _skipsBreak) = (true, false);
                    _start += at;
                    return 0;
                }

                return Take(target, from, to - from);
            }

            // The end of the buffered bytes may be the beginning of a boundary.
            var (skip, safe) = (_skipsBreak ? 1 : 0, held.Length - _mark.Length - 1);
            if (safe > skip)
            {
                return Take(target, skip, safe - skip);
            }

            if (!await FillAsync(cancellation))
            {
                throw StorageError.Invalid("Malformed multipart body: it ends without its boundary.");
            }
        }

        return 0;
    }

    private int Take(Memory<byte> target, int skip, int count)
    {
        count = Math.Min(count, target.Length);
        _buffer.AsMemory(_start + skip, count).CopyTo(target);
        _start += skip + count;
        _skipsBreak = false;
        return count;
    }

    private sealed class PartStream(RelatedParts parts) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new InvalidOperationException("No length.");

        public override long Position
        {
            get => throw new InvalidOperationException("No position.");
            set => throw new InvalidOperationException("No position.");
        }

        public override async ValueTask<int> ReadAsync(
            Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            await parts.ReadAsync(buffer, cancellationToken);

        public override Task<int> ReadAsync(
            byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) =>
            throw new InvalidOperationException("Read asynchronously.");

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new InvalidOperationException("No seeking.");

        public override void SetLength(long value) => throw new InvalidOperationException("No length.");

        public override void Write(byte[] buffer, int offset, int count) =>
            throw new InvalidOperationException("Only read.");
    }
}
