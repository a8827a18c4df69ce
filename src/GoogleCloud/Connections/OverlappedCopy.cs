using System.Buffers;

namespace Workflows.GoogleCloud.Connections;

/// <summary>
/// Copies bytes with two buffers of a fixed size: one is filled on another thread while the one before it is written,
/// so that reading with its hashes costs no time of the writing.
/// </summary>
public static class OverlappedCopy
{
    /// <summary>Copies until the source ends. Bytes that arrived before a fault of the source are written.</summary>
    /// <param name="read">Reads at most as many bytes as the buffer has; returns 0 at the end.</param>
    /// <param name="write">Writes all bytes of the buffer, which is valid until the call ends.</param>
    /// <param name="bufferBytes">Bytes of one of the two buffers.</param>
    /// <param name="cancellation">Cancels the copy.</param>
    /// <returns>A task that completes when all bytes are written; neither function is under way then.</returns>
    public static async Task RunAsync(
        Func<Memory<byte>, CancellationToken, ValueTask<int>> read,
        Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> write,
        int bufferBytes, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(read);
        ArgumentNullException.ThrowIfNull(write);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var (filling, full) = (ArrayPool<byte>.Shared.Rent(bufferBytes), ArrayPool<byte>.Shared.Rent(bufferBytes));
        var next = FillAsync(read, filling.AsMemory(0, bufferBytes), stop.Token);
        try
        {
            for (var isLast = false; !isLast;)
            {
                var (count, fault) = await next;
                (filling, full) = (full, filling);
                isLast = fault is not null || count < bufferBytes;
                next = isLast ? next : FillAsync(read, filling.AsMemory(0, bufferBytes), stop.Token);
                if (count > 0)
                {
                    await write(full.AsMemory(0, count), cancellation);
                }

                if (fault is not null)
                {
                    System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(fault);
                }
            }
        }
        finally
        {
            // A buffer may be used again only when nothing reads into it any more.
            await stop.CancelAsync();
            await next;
            ArrayPool<byte>.Shared.Return(filling);
            ArrayPool<byte>.Shared.Return(full);
        }
    }

    /// <summary>Fills a buffer, on another thread, until it is full or the source ends; never throws.</summary>
    private static Task<(int Count, Exception? Fault)> FillAsync(
        Func<Memory<byte>, CancellationToken, ValueTask<int>> read, Memory<byte> buffer,
        CancellationToken cancellation) => Task.Run(async () =>
        {
            var filled = 0;
            try
            {
                while (filled < buffer.Length && await read(buffer[filled..], cancellation) is var count and > 0)
                {
                    filled += count;
                }

                return (filled, (Exception?)null);
            }
            catch (Exception exception)
            {
                return (filled, exception);
            }
        });
}
