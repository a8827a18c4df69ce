using System.Buffers;

namespace Workflows.Artifacts;

/// <summary>
/// Reads an artifact of any store as a seekable stream: in parts of 16 MiB, or of 4 MiB where a part costs no request,
/// the next one while this one is used. Two parts are in memory, in buffers that are used again.
/// </summary>
internal sealed class ArtifactReadStream : ReadOnlyStream
{
    /// <summary>Bytes after which progress is reported, and of one part.</summary>
    private const int ReportBytes = 16 << 20, LocalBytes = 4 << 20;

    private readonly IArtifactStore _store;
    private readonly ArtifactUri _uri;
    private readonly Action<long>? _report;
    private readonly CancellationTokenSource _stop;
    private readonly int _partBytes;
    private Part _part = new(0, [], 0);
    private (long Offset, Task<Part> Part)? _next;

    /// <summary>Opens an artifact; nothing is read yet.</summary>
    /// <param name="store">The store.</param>
    /// <param name="uri">The artifact.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="report">Receives the bytes up to the end of each part.</param>
    /// <param name="cancellation">Cancels reading.</param>
    public ArtifactReadStream(
        IArtifactStore store, ArtifactUri uri, long bytes, Action<long>? report, CancellationToken cancellation)
        : base(bytes)
    {
        (_store, _uri, _report) = (store, uri, report);
        _partBytes = uri.Scheme == ArtifactScheme.File ? LocalBytes : ReportBytes;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
    }

    public override async ValueTask<int> ReadAsync(
        Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Position >= Length || buffer.Length == 0)
        {
            return 0;
        }

        if (Position < _part.Offset || Position >= _part.Offset + _part.Count)
        {
            await TurnAsync(Position - (Position % _partBytes));
        }

        var at = (int)Math.Min(Position - _part.Offset, _part.Count);
        var count = Math.Min(buffer.Length, _part.Count - at);
        _part.Bytes.AsSpan(at, count).CopyTo(buffer.Span);
        Position += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _stop.Cancel();
            Leave();
            Free();
            _stop.Dispose();
        }

        base.Dispose(disposing);
    }

    private async Task TurnAsync(long offset)
    {
        var part = _next is { } ready && ready.Offset == offset ? ready.Part : null;
        if (part is null)
        {
            Leave();
            part = LoadAsync(offset);
        }

        _next = null;
        Free();
        _part = await part;
        var after = offset + _part.Count;
        if (after % ReportBytes == 0 || after >= Length)
        {
            _report?.Invoke(after);
        }

        _next = after < Length && _part.Count > 0 ? (after, LoadAsync(after)) : null;
    }

    /// <summary>Drops a part that is no longer needed, so that its exception does not end up unobserved.</summary>
    private void Leave() => _next?.Part.ContinueWith(
        done =>
        {
            if (done.IsCompletedSuccessfully)
            {
                ArrayPool<byte>.Shared.Return(done.Result.Bytes);
            }

            _ = done.Exception;
        },
        CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);

    private void Free()
    {
        if (_part.Bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_part.Bytes);
        }

        _part = new Part(0, [], 0);
    }

    /// <summary>Loads a part; a store checks whole artifacts only.</summary>
    private async Task<Part> LoadAsync(long offset)
    {
        var count = (int)Math.Min(_partBytes, Length - offset);
        var range = Length <= _partBytes ? ByteRange.Whole : new ByteRange(offset, count);
        var bytes = ArrayPool<byte>.Shared.Rent(count);
        try
        {
            using var target = new MemoryStream(bytes, 0, count);
            await _store.ReadAsync(_uri, range, target, _stop.Token);
            return new Part(offset, bytes, (int)target.Position);
        }
        catch (Exception exception)
        {
            ArrayPool<byte>.Shared.Return(bytes);
            if ((exception.InnerException ?? exception) is NotSupportedException)
            {
                // The buffer does not grow with the artifact.
                throw Faults.Damaged(_uri, $"It has more than {Length} bytes: it changed while it was read.");
            }

            throw;
        }
    }

    /// <summary>A part in memory; its array may be longer.</summary>
    private readonly record struct Part(long Offset, byte[] Bytes, int Count);
}
