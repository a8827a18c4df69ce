using Workflows.GoogleCloud.Connections;

namespace Workflows.Artifacts;

/// <summary>
/// Passes bytes on to a stream and counts and hashes them. A fault of the stream is kept, so that it is not taken for a
/// fault of the network and retried.
/// </summary>
internal sealed class TargetStream(Stream inner) : Stream
{
    private Crc32C _crc;

    /// <summary>Gets the exception of a failed write; null for none.</summary>
    public Exception? Fault { get; private set; }

    /// <summary>Gets the bytes written.</summary>
    public long Count { get; private set; }

    public uint Checksum => _crc.Value;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => Count;

    public override long Position
    {
        get => Count;
        set => throw new InvalidOperationException("A target is only written, in order.");
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            inner.Write(buffer);
        }
        catch (Exception exception)
        {
            Fault = exception;
            throw;
        }

        Note(buffer);
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            await inner.WriteAsync(buffer, cancellationToken);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            Fault = exception;
            throw;
        }

        Note(buffer.Span);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new InvalidOperationException("A target is only written.");

    public override long Seek(long offset, SeekOrigin origin) =>
        throw new InvalidOperationException("A target is only written, in order.");

    public override void SetLength(long value) =>
        throw new InvalidOperationException("A target is only written, in order.");

    private void Note(ReadOnlySpan<byte> buffer)
    {
        _crc.Append(buffer);
        Count += buffer.Length;
    }
}
