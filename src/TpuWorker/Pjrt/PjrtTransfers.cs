using Workflows.TpuWorker.Pjrt.Native;

namespace Workflows.TpuWorker.Pjrt;

/// <summary>Copies between host and device, always dense and with the last dimension fastest on the host.</summary>
internal static class PjrtTransfers
{
    private const int CopiedDuringCall = 0, ImmutableUntilTransferred = 1, Tiled = 0, TiledBytes = 56;

    public static PjrtBuffer Upload(PjrtClient client, nint data, long bytes, PjrtShape shape, PjrtDevice? device)
    {
        var (buffer, done) = Begin(client, data, bytes, shape, device, CopiedDuringCall);
        try
        {
            PjrtEvents.Wait(client.Handle, done);
            return buffer;
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    public static async Task<PjrtBuffer> UploadAsync(
        PjrtClient client, ReadOnlyMemory<byte> data, PjrtShape shape, PjrtDevice? device)
    {
        using var pinned = data.Pin();
        var (buffer, done) = Begin(client, Address(pinned), data.Length, shape, device, ImmutableUntilTransferred);
        try
        {
            await PjrtEvents.WaitAsync(client.Handle, done, PjrtFunction.ClientBufferFromHostBuffer)
                .ConfigureAwait(false);
            return buffer;
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    /// <summary>Copies a buffer to the host.</summary>
    public static void Download(PjrtBuffer buffer, nint target, long bytes) =>
        PjrtEvents.Wait(buffer.Handle, Begin(buffer, target, bytes));

    /// <summary>Copies a buffer to the host asynchronously.</summary>
    public static async Task DownloadAsync(PjrtBuffer buffer, Memory<byte> target)
    {
        using var pinned = target.Pin();
        var done = Begin(buffer, Address(pinned), target.Length);
        await PjrtEvents.WaitAsync(buffer.Handle, done, PjrtFunction.BufferToHostBuffer).ConfigureAwait(false);
    }

    private static unsafe nint Address(System.Buffers.MemoryHandle pinned) => (nint)pinned.Pointer;

    private static unsafe (PjrtBuffer Buffer, nint Done) Begin(
        PjrtClient client, nint data, long bytes, PjrtShape shape, PjrtDevice? device, int semantics)
    {
        if (bytes != shape.Bytes)
        {
            throw new ArgumentException(
                $"The data have {bytes} bytes, wanted {shape.Bytes} for {shape}.", nameof(bytes));
        }

        device ??= client.AddressableDevices.Count > 0
            ? client.AddressableDevices[0]
            : throw new InvalidOperationException("The client has no device of this process.");
        var arguments = ArgumentBlock.Create();
        fixed (long* sizes = shape.Dimensions)
        {
            byte none;
            arguments.Set(24, data == 0 ? (nint)(&none) : data);
            arguments.Set(32, shape.Type);
            arguments.Set(40, (nint)sizes);
            arguments.Set(48, (nuint)shape.Dimensions.Length);
            arguments.Set(72, semantics);
            arguments.Set(80, device.Address);
            client.Handle.Call(PjrtFunction.ClientBufferFromHostBuffer, ref arguments);
        }

        return (new PjrtBuffer(client, arguments.Get<nint>(112)), arguments.Get<nint>(104));
    }

    private static unsafe nint Begin(PjrtBuffer buffer, nint target, long bytes)
    {
        var shape = buffer.Shape;
        if (bytes != shape.Bytes)
        {
            throw new ArgumentException(
                $"The target has {bytes} bytes, wanted {shape.Bytes} for {shape}.", nameof(bytes));
        }

        // Without a layout the plugin uses its device's own, which on a TPU is not dense.
        using var arena = new NativeArena();
        var rank = shape.Dimensions.Length;
        Span<long> order = stackalloc long[rank];
        for (var axis = 0; axis < rank; axis++)
        {
            order[axis] = rank - 1 - axis;
        }

        var layout = ArgumentBlock.Create();
        layout.Set(16, (nuint)TiledBytes);
        layout.Set(32, arena.Copy<long>(order));
        layout.Set(40, (nuint)rank);
        layout.Set(72, Tiled);

        byte none;
        var arguments = ArgumentBlock.Create();
        arguments.Set(24, arena.Copy<ArgumentBlock>([layout]));
        arguments.Set(32, target == 0 ? (nint)(&none) : target);
        arguments.Set(40, (nuint)bytes);
        buffer.Handle.Call(PjrtFunction.BufferToHostBuffer, ref arguments);
        return arguments.Get<nint>(48);
    }
}
