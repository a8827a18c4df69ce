namespace Workflows.Artifacts;

/// <summary>
/// Reads an artifact of any store as a seekable stream: in parts of 16 MiB, the next one while this one is used. At
/// most three parts are in memory.
/// </summary>
internal sealed class ArtifactReadStream : Stream
{
    private const int PartBytes = 16 << 20;

    private readonly IArtifactStore _store;
    private readonly ArtifactUri _uri;
    private readonly Action<long>? _report;
    private readonly CancellationTokenSource _stop;
    private (long Offset, byte[] Bytes) _part = (0, []);
    private (long Offset, Task<byte[]> Bytes)? _next;
    private long _position;

    /// <summary>Opens an artifact; nothing is read yet.</summary>
    /// <param name="store">The store.</param>
    /// <param name="uri">The artifact.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="report">Receives the bytes up to the end of each part.</param>
    /// <param name="cancellation">Cancels reading.</param>
    public ArtifactReadStream(
        IArtifactStore store, ArtifactUri uri, long bytes, Action<long>? report, CancellationToken cancellation)
    {
        (_store, _uri, Length, _report) = (store, uri, bytes, report);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
    }

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length { get; }

    public override long Position
    {
        get => _position;
        set => _position = value;
    }

    public override async ValueTask<int> ReadAsync(
        Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_position >= Length || buffer.Length == 0)
        {
            return 0;
        }

        if (_position < _part.Offset || _position >= _part.Offset + _part.Bytes.Length)
        {
            await TurnAsync(_position - (_position % PartBytes));
        }

        var at = (int)(_position - _part.Offset);
        var count = Math.Min(buffer.Length, _part.Bytes.Length - at);
        _part.Bytes.AsSpan(at, count).CopyTo(buffer.Span);
        _position += count;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) =>
        ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => _position + offset,
        _ => Length + offset,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new InvalidOperationException("An artifact is only read.");

    public override void Write(byte[] buffer, int offset, int count) =>
        throw new InvalidOperationException("An artifact is only read.");

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _stop.Cancel();
            Leave();
            _stop.Dispose();
        }

        base.Dispose(disposing);
    }

    private async Task TurnAsync(long offset)
    {
        var part = _next is { } ready && ready.Offset == offset ? ready.Bytes : null;
        if (part is null)
        {
            Leave();
            part = LoadAsync(offset);
        }

        _next = null;
        _part = (0, []);
        _part = (offset, await part);
        var after = offset + _part.Bytes.Length;
        _report?.Invoke(after);
        _next = after < Length ? (after, LoadAsync(after)) : null;
    }

    /// <summary>Drops a part that is no longer needed, so that its exception does not end up unobserved.</summary>
    private void Leave() => _next?.Bytes.ContinueWith(
        done => _ = done.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted,
        TaskScheduler.Default);

    /// <summary>Loads a part; a store checks whole artifacts only.</summary>
    private Task<byte[]> LoadAsync(long offset) => _store.ReadBytesAsync(
        _uri, Length <= PartBytes ? ByteRange.Whole : new ByteRange(offset, Math.Min(PartBytes, Length - offset)),
        _stop.Token);
}
