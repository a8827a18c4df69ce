using System.Security.Cryptography;

namespace Workflows.Artifacts;

/// <summary>
/// Passes on a seekable stream, but withholds its last bytes unless the whole has the expected hash: a store whose
/// writes appear whole then never has a wrong file.
/// </summary>
/// <param name="inner">The stream, at its beginning; not closed.</param>
/// <param name="uri">The address, for the fault.</param>
/// <param name="sha256">The SHA-256 in lower-case hexadecimal.</param>
internal sealed class GuardedStream(Stream inner, ArtifactUri uri, string sha256) : Stream
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _hashed;
    private string? _found;

    /// <summary>Gets the exception of a failed read; null for none.</summary>
    public Exception? Fault { get; private set; }

    /// <summary>Gets the expected SHA-256, which all bytes have if the last one was passed on.</summary>
    public string Sha256 => sha256;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => inner.Length;

    public override long Position
    {
        get => inner.Position;
        set => inner.Position = value;
    }

    public override async ValueTask<int> ReadAsync(
        Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            var at = inner.Position;
            var count = await inner.ReadAsync(buffer, cancellationToken);
            if (count == 0 && buffer.Length > 0 && at < Length)
            {
                throw Faults.Damaged(uri, $"It ended at byte {at} of {Length}: it changed while it was copied.");
            }

            Note(buffer.Span[..count], at);
            return count;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            Fault = exception;
            throw;
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) =>
        ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override long Seek(long offset, SeekOrigin origin) => inner.Seek(offset, origin);

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new InvalidOperationException("A source is only read.");

    public override void Write(byte[] buffer, int offset, int count) =>
        throw new InvalidOperationException("A source is only read.");

    protected override void Dispose(bool disposing)
    {
        _hash.Dispose();
        base.Dispose(disposing);
    }

    // Bytes that are read again after a seek were hashed before.
    private void Note(ReadOnlySpan<byte> bytes, long at)
    {
        var known = _hashed - at;
        if (known >= 0 && known < bytes.Length)
        {
            var fresh = bytes[(int)known..];
            _hash.AppendData(fresh);
            _hashed += fresh.Length;
        }

        if (_hashed == Length && (_found ??= Convert.ToHexStringLower(_hash.GetHashAndReset())) != sha256)
        {
            throw Faults.Damaged(uri, $"It has the SHA-256 {_found}, expected {sha256}; nothing of it was kept.");
        }
    }
}
