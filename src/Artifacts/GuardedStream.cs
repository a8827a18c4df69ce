using System.Security.Cryptography;
using Workflows.GoogleCloud.Connections;

namespace Workflows.Artifacts;

/// <summary>
/// Passes on a seekable stream, but withholds its last bytes unless the whole has the expected hash: a store whose
/// writes appear whole then never has a wrong file. A file whose SHA-256 was computed here a moment ago is only
/// compared with the CRC-32C of that reading, which takes a seventh of the time and shows whether it changed since.
/// </summary>
/// <param name="inner">The stream, at its beginning; not closed.</param>
/// <param name="uri">The address, for the fault.</param>
/// <param name="sha256">The SHA-256 in lower-case hexadecimal.</param>
/// <param name="crc32C">The CRC-32C of the bytes that had this SHA-256; null if nobody here has read them.</param>
internal sealed class GuardedStream(Stream inner, ArtifactUri uri, string sha256, uint? crc32C = null) : Stream
{
    private readonly IncrementalHash? _sha =
        crc32C is null ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;

    private Crc32C _crc;
    private long _hashed;
    private bool _isRight;

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
        _sha?.Dispose();
        base.Dispose(disposing);
    }

    // Bytes that are read again after a seek were hashed before.
    private void Note(ReadOnlySpan<byte> bytes, long at)
    {
        var known = _hashed - at;
        if (known >= 0 && known < bytes.Length)
        {
            var fresh = bytes[(int)known..];
            _sha?.AppendData(fresh);
            if (_sha is null)
            {
                _crc.Append(fresh);
            }

            _hashed += fresh.Length;
        }

        if (_hashed == Length && !_isRight)
        {
            Check();
        }
    }

    private void Check()
    {
        if (crc32C is { } crc && crc != _crc.Value)
        {
            throw Faults.Damaged(uri, "It changed between its hashing and its copying; nothing of it was kept.");
        }

        if (_sha is not null && Convert.ToHexStringLower(_sha.GetCurrentHash()) is var found && found != sha256)
        {
            throw Faults.Damaged(uri, $"It has the SHA-256 {found}, expected {sha256}; nothing of it was kept.");
        }

        _isRight = true;
    }
}
