using System.Security.Cryptography;
using Workflows.GoogleCloud.Connections;

namespace Workflows.Artifacts;

/// <summary>
/// Passes on the bytes of a seekable stream and hashes each once, however often it is read. A fault of the stream is
/// kept, so that it is not taken for a fault of the network and retried. A guarded stream is hashed already.
/// </summary>
internal sealed class SourceStream(Stream inner) : Stream
{
    private readonly GuardedStream? _guarded = inner as GuardedStream;
    private readonly IncrementalHash? _sha = inner is GuardedStream
        ? null : IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    private readonly long _start = inner.Position;
    private Crc32C _crc;
    private long _hashed;
    private string? _sha256;

    /// <summary>Gets the exception of a failed read; null for none.</summary>
    public Exception? Fault { get; private set; }

    /// <summary>Gets whether all bytes were read, at least once.</summary>
    public bool IsHashed => _hashed == Length;

    /// <summary>Gets the checksum of all bytes; valid only after they were read.</summary>
    public uint Checksum => _crc.Value;

    /// <summary>Gets the SHA-256 of all bytes; valid only after they were read.</summary>
    public string Sha256 => _sha256 ??= _guarded?.Sha256
        ?? Convert.ToHexStringLower(_sha!.GetHashAndReset());

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => inner.Length - _start;

    public override long Position
    {
        get => inner.Position - _start;
        set => inner.Position = value + _start;
    }

    public override int Read(Span<byte> buffer)
    {
        try
        {
            return Note(buffer, inner.Position - _start, inner.Read(buffer));
        }
        catch (Exception exception)
        {
            Fault = exception;
            throw;
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override async ValueTask<int> ReadAsync(
        Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            var at = inner.Position - _start;
            var count = await inner.ReadAsync(buffer, cancellationToken);
            if (count == 0 && buffer.Length > 0 && at < Length)
            {
                throw new IOException($"It ended at byte {at} of {Length}: it changed while it was sent.");
            }

            return Note(buffer.Span, at, count);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            Fault = exception;
            throw;
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override long Seek(long offset, SeekOrigin origin) =>
        inner.Seek(origin == SeekOrigin.Begin ? offset + _start : offset, origin) - _start;

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new InvalidOperationException("A source is only read.");

    public override void Write(byte[] buffer, int offset, int count) =>
        throw new InvalidOperationException("A source is only read.");

    protected override void Dispose(bool disposing)
    {
        _sha?.Dispose();
        base.Dispose(disposing);
    }

    // Bytes that are read again after a seek were hashed before; the first reading is in the stream's order.
    private int Note(ReadOnlySpan<byte> buffer, long at, int count)
    {
        var known = _hashed - at;
        if (known >= 0 && known < count)
        {
            var fresh = buffer[(int)known..count];
            _sha?.AppendData(fresh);
            _crc.Append(fresh);
            _hashed += fresh.Length;
        }

        return count;
    }
}
