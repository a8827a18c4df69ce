using Workflows.TpuWorker.Pjrt.Native;

namespace Workflows.TpuWorker.Pjrt;

/// <summary>An array on a device.</summary>
public sealed unsafe class PjrtBuffer : IDisposable
{
    private readonly Lazy<PjrtShape> _shape;

    /// <summary>Takes ownership of a buffer.</summary>
    internal PjrtBuffer(PjrtClient client, nint address)
    {
        Client = client;
        Handle = new PjrtHandle(client.Plugin.Api, address, PjrtFunction.BufferDestroy, client.Handle);
        _shape = new Lazy<PjrtShape>(ReadShape);
    }

    /// <summary>Gets the client of the buffer.</summary>
    public PjrtClient Client { get; }

    /// <summary>Gets element type and sizes; for a split array, those of the part on this device.</summary>
    public PjrtShape Shape => _shape.Value;

    /// <summary>Gets the device.</summary>
    public PjrtDevice Device
    {
        get
        {
            var arguments = ArgumentBlock.Create();
            Handle.Call(PjrtFunction.BufferDevice, ref arguments);
            return Client.DeviceAt(arguments.Get<nint>(24));
        }
    }

    /// <summary>Gets the bytes that the array takes on the device, with its padding.</summary>
    /// <exception cref="PjrtException">The buffer is deleted or donated.</exception>
    public long OnDeviceBytes
    {
        get
        {
            var arguments = ArgumentBlock.Create();
            Handle.Call(PjrtFunction.BufferOnDeviceSizeInBytes, ref arguments);
            return checked((long)arguments.Get<nuint>(24));
        }
    }

    /// <summary>
    /// Gets a value indicating whether the memory is gone: after a deletion, or after an execution to which it was
    /// donated.
    /// </summary>
    public bool IsDeleted
    {
        get
        {
            var arguments = ArgumentBlock.Create();
            Handle.Call(PjrtFunction.BufferIsDeleted, ref arguments);
            return arguments.Flag(24);
        }
    }

    /// <summary>Gets the plugin's buffer.</summary>
    internal PjrtHandle Handle { get; }

    /// <summary>Waits until the array is computed.</summary>
    /// <returns>A task that fails with a <see cref="PjrtException"/> if the computation failed.</returns>
    public Task ReadyAsync()
    {
        var arguments = ArgumentBlock.Create();
        Handle.Call(PjrtFunction.BufferReadyEvent, ref arguments);
        return PjrtEvents.WaitAsync(Handle, arguments.Get<nint>(24), PjrtFunction.BufferReadyEvent);
    }

    /// <summary>Waits for the array and copies it to the host.</summary>
    /// <typeparam name="T">A type of the element type's size.</typeparam>
    /// <param name="target">The span to fill: dense, the last dimension fastest.</param>
    /// <exception cref="ArgumentException">The target does not have the array's length.</exception>
    /// <exception cref="PjrtException">The buffer is deleted or donated, or its computation failed.</exception>
    public void Download<T>(Span<T> target)
        where T : unmanaged
    {
        fixed (T* first = target)
        {
            PjrtTransfers.Download(this, (nint)first, (long)target.Length * sizeof(T));
        }
    }

    /// <summary>Waits for the array and copies it to memory that need not fit a span.</summary>
    /// <param name="target">The first element of the memory to fill: dense, the last dimension fastest.</param>
    /// <param name="bytes">Bytes of all elements.</param>
    /// <exception cref="ArgumentException">The target does not have the array's length.</exception>
    /// <exception cref="PjrtException">The buffer is deleted or donated, or its computation failed.</exception>
    public void Download(nint target, long bytes) => PjrtTransfers.Download(this, target, bytes);

    /// <summary>Copies the array to the host.</summary>
    /// <param name="target">The memory, filled when the task completes: dense, the last dimension fastest.</param>
    /// <returns>A task that fails with a <see cref="PjrtException"/> if the computation of the array failed.</returns>
    /// <exception cref="ArgumentException">The target does not have the array's length.</exception>
    /// <exception cref="PjrtException">The buffer is deleted or donated.</exception>
    public Task DownloadAsync(Memory<byte> target) => PjrtTransfers.DownloadAsync(this, target);

    /// <summary>Copies the array to another device of the client.</summary>
    /// <param name="device">The device.</param>
    /// <returns>The copy, which may not be filled yet.</returns>
    /// <exception cref="PjrtException">The buffer is deleted or donated, or the device has no memory left.</exception>
    public PjrtBuffer CopyTo(PjrtDevice device)
    {
        var arguments = ArgumentBlock.Create();
        arguments.Set(24, device.Address);
        Handle.Call(PjrtFunction.BufferCopyToDevice, ref arguments);
        return new PjrtBuffer(Client, arguments.Get<nint>(32));
    }

    /// <summary>Frees the device's memory, although the object stays.</summary>
    public void Delete()
    {
        var arguments = ArgumentBlock.Create();
        Handle.Call(PjrtFunction.BufferDelete, ref arguments);
    }

    /// <inheritdoc />
    public void Dispose() => Handle.Dispose();

    private PjrtShape ReadShape()
    {
        var type = ArgumentBlock.Create();
        Handle.Call(PjrtFunction.BufferElementType, ref type);
        var sizes = ArgumentBlock.Create();
        Handle.Call(PjrtFunction.BufferDimensions, ref sizes);
        return new PjrtShape(type.Get<PjrtElementType>(24), sizes.Array<long>(24, 32));
    }
}
