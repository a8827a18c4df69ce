using Workflows.TpuWorker.Pjrt.Native;

namespace Workflows.TpuWorker.Pjrt;

/// <summary>A device of a client, or a device that a topology describes.</summary>
public sealed class PjrtDevice
{
    private readonly PjrtHandle _owner;
    private readonly nint _description;

    /// <summary>Reads a device of a client.</summary>
    internal PjrtDevice(PjrtClient client, nint address)
    {
        (_owner, Address) = (client.Handle, address);
        var arguments = ArgumentBlock.Create();
        _owner.CallOn(address, PjrtFunction.DeviceGetDescription, ref arguments);
        _description = arguments.Get<nint>(24);
        (Id, ProcessIndex, Kind) = Describe();
        arguments = ArgumentBlock.Create();
        _owner.CallOn(address, PjrtFunction.DeviceIsAddressable, ref arguments);
        IsAddressable = arguments.Flag(24);
    }

    /// <summary>Reads a description of a topology.</summary>
    internal PjrtDevice(PjrtHandle topology, nint description)
    {
        (_owner, _description) = (topology, description);
        (Id, ProcessIndex, Kind) = Describe();
    }

    /// <summary>Gets the number that device assignments use.</summary>
    public int Id { get; }

    /// <summary>Gets the process of the device, from 0.</summary>
    public int ProcessIndex { get; }

    /// <summary>Gets the kind as the plugin names it, such as <c>TPU v5 lite</c>.</summary>
    public string Kind { get; }

    /// <summary>Gets a value indicating whether this process can create buffers on it; false for a
    /// description.</summary>
    public bool IsAddressable { get; }

    /// <summary>
    /// Gets the attributes by their names, each a <see cref="string"/>, <see cref="long"/>, <c>long[]</c>,
    /// <see cref="float"/> or <see cref="bool"/>; a TPU has <c>device_memory_bytes_limit</c>.
    /// </summary>
    public IReadOnlyDictionary<string, object> Attributes
    {
        get
        {
            var arguments = ArgumentBlock.Create();
            return _owner.TryCallOn(_description, PjrtFunction.DeviceDescriptionAttributes, ref arguments)
                ? NamedValues.Read(arguments.Get<nint>(32), arguments.Get<nuint>(24))
                : new Dictionary<string, object>(StringComparer.Ordinal);
        }
    }

    /// <summary>Gets the plugin's device; null for a description.</summary>
    internal nint Address { get; }

    /// <summary>Reads the number of the device in the driver of this host.</summary>
    /// <returns>The number; null if the device has none.</returns>
    public int? ReadLocalHardwareId()
    {
        var arguments = ArgumentBlock.Create();
        return Address != 0 && _owner.TryCallOn(Address, PjrtFunction.DeviceLocalHardwareId, ref arguments)
            && arguments.Get<int>(24) is >= 0 and var id
                ? id
                : null;
    }

    /// <summary>Reads the device's memory statistics.</summary>
    /// <returns>The statistics; null if the plugin keeps none, as with CPU plugins.</returns>
    /// <exception cref="PjrtException">The plugin refuses.</exception>
    public PjrtDeviceMemory? ReadMemory()
    {
        var arguments = ArgumentBlock.Create();
        if (Address == 0 || !_owner.TryCallOn(Address, PjrtFunction.DeviceMemoryStats, ref arguments))
        {
            return null;
        }

        // After the first, each value is followed by a flag that shows whether it is known.
        long? Known(int offset) => arguments.Flag(offset + sizeof(long)) ? arguments.Get<long>(offset) : null;
        return new PjrtDeviceMemory
        {
            BytesInUse = arguments.Get<long>(24),
            PeakBytesInUse = Known(32),
            Allocations = Known(48),
            LargestAllocation = Known(64),
            BytesLimit = Known(80),
            BytesReserved = Known(96),
            PeakBytesReserved = Known(112),
            BytesReservableLimit = Known(128),
            LargestFreeBlock = Known(144),
            PoolBytes = Known(160),
            PeakPoolBytes = Known(176),
        };
    }

    /// <inheritdoc />
    public override string ToString()
    {
        var arguments = ArgumentBlock.Create();
        _owner.CallOn(_description, PjrtFunction.DeviceDescriptionToString, ref arguments);
        return arguments.Text(24, 32);
    }

    private (int Id, int Process, string Kind) Describe()
    {
        var id = ArgumentBlock.Create();
        _owner.CallOn(_description, PjrtFunction.DeviceDescriptionId, ref id);
        var process = ArgumentBlock.Create();
        _owner.CallOn(_description, PjrtFunction.DeviceDescriptionProcessIndex, ref process);
        var kind = ArgumentBlock.Create();
        _owner.CallOn(_description, PjrtFunction.DeviceDescriptionKind, ref kind);
        return (id.Get<int>(24), process.Get<int>(24), kind.Text(24, 32));
    }
}

/// <summary>Memory of a device, in bytes; a figure that the plugin does not have is null.</summary>
public sealed record PjrtDeviceMemory
{
    /// <summary>Gets the bytes in use now.</summary>
    public required long BytesInUse { get; init; }

    /// <summary>Gets the most bytes that were in use at once.</summary>
    public long? PeakBytesInUse { get; init; }

    /// <summary>Gets the number of allocations made.</summary>
    public long? Allocations { get; init; }

    /// <summary>Gets the largest single allocation.</summary>
    public long? LargestAllocation { get; init; }

    /// <summary>Gets the most bytes that may be in use.</summary>
    public long? BytesLimit { get; init; }

    /// <summary>Gets the bytes that are reserved.</summary>
    public long? BytesReserved { get; init; }

    /// <summary>Gets the most bytes that were reserved at once.</summary>
    public long? PeakBytesReserved { get; init; }

    /// <summary>Gets the most bytes that may be reserved.</summary>
    public long? BytesReservableLimit { get; init; }

    /// <summary>Gets the largest free block.</summary>
    public long? LargestFreeBlock { get; init; }

    /// <summary>Gets the bytes of the allocator's pool.</summary>
    public long? PoolBytes { get; init; }

    /// <summary>Gets the most bytes that the allocator's pool had.</summary>
    public long? PeakPoolBytes { get; init; }
}
