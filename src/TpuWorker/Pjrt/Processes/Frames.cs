using System.Buffers.Binary;

namespace Workflows.TpuWorker.Pjrt.Processes;

/// <summary>The kinds of messages between a parent and its child.</summary>
internal enum FrameKind : byte
{
    /// <summary>The parent sends a request.</summary>
    Request = 1,

    /// <summary>The child answers.</summary>
    Answer = 2,

    /// <summary>The child answers that the request failed.</summary>
    Failure = 3,

    /// <summary>The child sends a note while it works.</summary>
    Note = 4,

    /// <summary>The parent requests the child to stop its work and to answer.</summary>
    Stop = 5,
}

/// <summary>Messages on a stream of bytes: length (4 bytes, little-endian, with the kind), kind, content.</summary>
internal static class Frames
{
    /// <summary>Most bytes of a message; more means that something else wrote into the stream.</summary>
    public const int MaxBytes = 1 << 30;

    private const int LengthBytes = sizeof(int);

    /// <summary>Writes a whole message.</summary>
    public static async Task WriteAsync(
        Stream stream, FrameKind kind, ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        if (content.Length >= MaxBytes)
        {
            throw new ArgumentException($"A message has {content.Length} bytes, wanted fewer than {MaxBytes}.");
        }

        var head = new byte[LengthBytes + 1];
        BinaryPrimitives.WriteInt32LittleEndian(head, content.Length + 1);
        head[LengthBytes] = (byte)kind;
        await stream.WriteAsync(head, cancellation).ConfigureAwait(false);
        await stream.WriteAsync(content, cancellation).ConfigureAwait(false);
        await stream.FlushAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>Reads a message.</summary>
    /// <returns>The message; null if the stream ends, before it or in it.</returns>
    /// <exception cref="InvalidDataException">The bytes are not a message.</exception>
    public static async Task<(FrameKind Kind, byte[] Content)?> ReadAsync(Stream stream, CancellationToken cancellation)
    {
        try
        {
            var head = new byte[LengthBytes + 1];
            await stream.ReadExactlyAsync(head, cancellation).ConfigureAwait(false);
            var (length, kind) = (BinaryPrimitives.ReadInt32LittleEndian(head), (FrameKind)head[LengthBytes]);
            if (length is < 1 or > MaxBytes || kind is < FrameKind.Request or > FrameKind.Stop)
            {
                throw new InvalidDataException(
                    $"The bytes {Convert.ToHexStringLower(head)} begin no message: something else wrote here.");
            }

            var content = new byte[length - 1];
            await stream.ReadExactlyAsync(content, cancellation).ConfigureAwait(false);
            return (kind, content);
        }
        catch (EndOfStreamException)
        {
            return null;
        }
    }
}
