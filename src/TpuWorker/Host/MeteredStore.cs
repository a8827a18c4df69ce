using Workflows.Artifacts;

namespace Workflows.TpuWorker.Host;

/// <summary>
/// Counts the bytes that a worker moves between this machine and buckets, which may cost egress. Parts of a transfer
/// that were sent again after a fault count once, and what a folder or the Hub gives does not count.
/// </summary>
/// <param name="inner">The store.</param>
internal sealed class MeteredStore(IArtifactStore inner) : IArtifactStore
{
    private long _read, _written;

    /// <summary>Gets the bytes read from buckets, and those written to them.</summary>
    public (long Read, long Written) Moved => (Interlocked.Read(ref _read), Interlocked.Read(ref _written));

    /// <inheritdoc />
    public Task<ArtifactInfo?> FindAsync(ArtifactUri uri, CancellationToken cancellation) =>
        inner.FindAsync(uri, cancellation);

    /// <inheritdoc />
    public IAsyncEnumerable<ArtifactInfo> ListAsync(ArtifactUri folder, CancellationToken cancellation) =>
        inner.ListAsync(folder, cancellation);

    /// <inheritdoc />
    public async Task ReadAsync(ArtifactUri uri, ByteRange range, Stream target, CancellationToken cancellation)
    {
        if (uri.Scheme != ArtifactScheme.CloudStorage)
        {
            await inner.ReadAsync(uri, range, target, cancellation);
            return;
        }

        await using var counted = new CountedStream(target, count => Interlocked.Add(ref _read, count));
        await inner.ReadAsync(uri, range, counted, cancellation);
    }

    /// <inheritdoc />
    public async Task<ArtifactInfo> WriteAsync(
        ArtifactUri uri, Stream content, WriteCondition condition, CancellationToken cancellation)
    {
        var written = await inner.WriteAsync(uri, content, condition, cancellation);
        if (uri.Scheme == ArtifactScheme.CloudStorage)
        {
            Interlocked.Add(ref _written, written.Bytes);
        }

        return written;
    }

    /// <inheritdoc />
    public Task<bool> DeleteAsync(ArtifactUri uri, long? generation, CancellationToken cancellation) =>
        inner.DeleteAsync(uri, generation, cancellation);

    /// <summary>Passes bytes on, and counts them; it does not close the stream behind it.</summary>
    private sealed class CountedStream(Stream target, Action<int> count) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => target.Length;

        public override long Position
        {
            get => target.Position;
            set => throw new InvalidOperationException("A target is only written, in order.");
        }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            target.Write(buffer);
            count(buffer.Length);
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override async ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await target.WriteAsync(buffer, cancellationToken);
            count(buffer.Length);
        }

        public override Task WriteAsync(
            byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override void Flush() => target.Flush();

        public override Task FlushAsync(CancellationToken cancellationToken) => target.FlushAsync(cancellationToken);

        public override int Read(byte[] buffer, int offset, int count) =>
            throw new InvalidOperationException("A target is only written.");

        public override long Seek(long offset, SeekOrigin origin) =>
            throw new InvalidOperationException("A target is only written, in order.");

        public override void SetLength(long value) =>
            throw new InvalidOperationException("A target is only written, in order.");
    }
}
