using System.Buffers;
using System.Security.Cryptography;

namespace Workflows.Artifacts;

/// <summary>
/// Writes a file and hashes it, both on another thread, while the next bytes arrive: two buffers of one MiB, and no
/// more, are between the store and the disk. A fault of the disk is thrown by the next write.
/// </summary>
/// <param name="file">The file; not closed.</param>
internal sealed class HashedFile(FileStream file) : Stream
{
    private const int BufferBytes = 1 << 20;

    private readonly IncrementalHash _sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private byte[] _filling = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private byte[] _writing = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private Task _written = Task.CompletedTask;
    private int _count;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new InvalidOperationException("It is only written.");

    public override long Position
    {
        get => throw new InvalidOperationException("It is only written.");
        set => throw new InvalidOperationException("It is only written.");
    }

    /// <summary>Writes the rest.</summary>
    /// <returns>The SHA-256 of all bytes, in lower-case hexadecimal.</returns>
    public async Task<string> EndAsync()
    {
        await TurnAsync();
        await _written;
        return Convert.ToHexStringLower(_sha.GetHashAndReset());
    }

    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (buffer.Length > 0)
        {
            var count = Math.Min(buffer.Length, BufferBytes - _count);
            buffer[..count].CopyTo(_filling.AsMemory(_count));
            buffer = buffer[count..];
            _count += count;
            if (_count == BufferBytes)
            {
                await TurnAsync();
            }
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) =>
        WriteAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new InvalidOperationException("It is only written.");

    public override long Seek(long offset, SeekOrigin origin) =>
        throw new InvalidOperationException("It is only written.");

    public override void SetLength(long value) => throw new InvalidOperationException("It is only written.");

    public override async ValueTask DisposeAsync()
    {
        // The buffers are used until the last write ends; its fault was thrown, or the whole file is given up.
        await _written.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        ArrayPool<byte>.Shared.Return(_filling);
        ArrayPool<byte>.Shared.Return(_writing);
        _sha.Dispose();
        await base.DisposeAsync();
    }

    private async Task TurnAsync()
    {
        await _written;
        (_filling, _writing) = (_writing, _filling);
        var (bytes, count) = (_writing, _count);
        _count = 0;
        _written = Task.Run(() =>
        {
            _sha.AppendData(bytes, 0, count);
            file.Write(bytes, 0, count);
        });
    }
}
