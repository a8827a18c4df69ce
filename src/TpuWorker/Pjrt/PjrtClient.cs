using Workflows.TpuWorker.Pjrt.Native;

namespace Workflows.TpuWorker.Pjrt;

/// <summary>The devices of one plugin, acquired for this process.</summary>
/// <remarks>
/// Thread-safe. Buffers and executables keep the plugin's client, which is destroyed after the last of them.
/// </remarks>
public sealed unsafe class PjrtClient : IDisposable
{
    private const string Format = "mlir";

    private PjrtClient(PjrtPlugin plugin, PjrtHandle handle)
    {
        (Plugin, Handle) = (plugin, handle);
        Devices = [.. Addresses(PjrtFunction.ClientDevices).Select(address => new PjrtDevice(this, address))];
        var own = Addresses(PjrtFunction.ClientAddressableDevices);
        AddressableDevices = [.. own.Select(address => Devices.First(device => device.Address == address))];
    }

    /// <summary>Gets the plugin.</summary>
    public PjrtPlugin Plugin { get; }

    /// <summary>Gets all devices, including those of other processes.</summary>
    public IReadOnlyList<PjrtDevice> Devices { get; }

    /// <summary>Gets the devices of this process.</summary>
    public IReadOnlyList<PjrtDevice> AddressableDevices { get; }

    /// <summary>Gets the platform's name, such as <c>cpu</c>, <c>cuda</c> or <c>tpu</c>.</summary>
    public string PlatformName => Text(PjrtFunction.ClientPlatformName);

    /// <summary>Gets the platform's version as the plugin formats it.</summary>
    public string PlatformVersion => Text(PjrtFunction.ClientPlatformVersion);

    /// <summary>Gets the number of this process among those that share the devices, from 0.</summary>
    public int ProcessIndex
    {
        get
        {
            var arguments = ArgumentBlock.Create();
            Handle.Call(PjrtFunction.ClientProcessIndex, ref arguments);
            return arguments.Get<int>(24);
        }
    }

    /// <summary>Gets the plugin's client.</summary>
    internal PjrtHandle Handle { get; }

    /// <summary>Acquires a plugin's devices. Several hosts of a slice wait here for each other.</summary>
    /// <param name="plugin">The plugin.</param>
    /// <param name="options">
    /// Options of the plugin by their names, each a string, bool, int, long, <c>long[]</c> or float; null for none.
    /// </param>
    /// <returns>The client.</returns>
    /// <exception cref="ArgumentException">An option has another type.</exception>
    /// <exception cref="PjrtException">
    /// The plugin refuses: <see cref="PjrtErrorCode.NotFound"/> if there is no device,
    /// <see cref="PjrtErrorCode.Aborted"/> if another process has them.
    /// </exception>
    public static PjrtClient Create(PjrtPlugin plugin, IReadOnlyDictionary<string, object>? options = null)
    {
        options ??= new Dictionary<string, object>();
        using var arena = new NativeArena();
        var arguments = ArgumentBlock.Create();
        arguments.Set(16, NamedValues.Write(options, arena));
        arguments.Set(24, (nuint)options.Count);
        plugin.Api.Call(PjrtFunction.ClientCreate, ref arguments);
        var handle = new PjrtHandle(plugin.Api, arguments.Get<nint>(64), PjrtFunction.ClientDestroy, parent: null);
        try
        {
            return new PjrtClient(plugin, handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Gets the topology of the client's devices.</summary>
    /// <returns>The topology, which the client owns.</returns>
    /// <exception cref="PjrtException">The plugin has none.</exception>
    public PjrtTopology GetTopology()
    {
        var arguments = ArgumentBlock.Create();
        Handle.Call(PjrtFunction.ClientTopologyDescription, ref arguments);
        return new PjrtTopology(Plugin, new PjrtHandle(Plugin.Api, arguments.Get<nint>(24), destroy: null, Handle));
    }

    /// <summary>Compiles a program for the client's devices. Blocks, for minutes with a large program.</summary>
    /// <param name="program">StableHLO text with a public function <c>main</c>.</param>
    /// <param name="options">Replicas, partitions and devices; null for one program on the first device.</param>
    /// <returns>The executable, loaded.</returns>
    /// <exception cref="PjrtException">
    /// The text does not parse, or the program does not fit the device (<see cref="PjrtErrorCode.ResourceExhausted"/>).
    /// </exception>
    public PjrtLoadedExecutable Compile(string program, PjrtCompileOptions? options = null)
    {
        using var arena = new NativeArena();
        var arguments = ArgumentBlock.Create();
        SetProgram(ref arguments, program, options, arena);
        Handle.Call(PjrtFunction.ClientCompile, ref arguments);
        return new PjrtLoadedExecutable(this, arguments.Get<nint>(48));
    }

    /// <summary>Loads an executable that was serialized by the same plugin, platform version and topology.</summary>
    /// <param name="serialized">Bytes of <see cref="PjrtExecutable.Serialize"/>.</param>
    /// <param name="options">Compile options that replace the serialized ones; null keeps them.</param>
    /// <returns>The executable, loaded.</returns>
    /// <exception cref="PjrtException">The bytes are not an executable of this plugin.</exception>
    public PjrtLoadedExecutable Load(ReadOnlySpan<byte> serialized, PjrtCompileOptions? options = null)
    {
        var overriding = options?.ToBytes() ?? [];
        var arguments = ArgumentBlock.Create();
        fixed (byte* bytes = serialized)
        fixed (byte* other = overriding)
        {
            arguments.Set(24, (nint)bytes);
            arguments.Set(32, (nuint)serialized.Length);
            arguments.Set(48, (nint)other);
            arguments.Set(56, (nuint)overriding.Length);
            Handle.Call(PjrtFunction.ExecutableDeserializeAndLoad, ref arguments);
        }

        return new PjrtLoadedExecutable(this, arguments.Get<nint>(40));
    }

    /// <summary>Copies an array to a device. Its memory may be changed as soon as the call returns.</summary>
    /// <typeparam name="T">A type of the element type's size.</typeparam>
    /// <param name="data">The elements, dense, the last dimension fastest.</param>
    /// <param name="type">The element type.</param>
    /// <param name="dimensions">The sizes; empty for a scalar.</param>
    /// <param name="device">The device; null for the first of this process.</param>
    /// <returns>The buffer, which may not be filled yet.</returns>
    /// <exception cref="ArgumentException">The data do not have the length of the sizes.</exception>
    /// <exception cref="PjrtException">The plugin refuses, for example for lack of memory.</exception>
    public PjrtBuffer Upload<T>(
        ReadOnlySpan<T> data, PjrtElementType type, ReadOnlySpan<long> dimensions, PjrtDevice? device = null)
        where T : unmanaged
    {
        fixed (T* first = data)
        {
            return PjrtTransfers.Upload(
                this, (nint)first, (long)data.Length * sizeof(T), new PjrtShape(type, dimensions), device);
        }
    }

    /// <summary>
    /// Copies memory that need not fit a span to a device. It may be changed as soon as the call returns.
    /// </summary>
    /// <param name="address">The first element.</param>
    /// <param name="bytes">Bytes of all elements.</param>
    /// <param name="shape">Type and sizes.</param>
    /// <param name="device">The device; null for the first of this process.</param>
    /// <returns>The buffer, which may not be filled yet.</returns>
    /// <exception cref="ArgumentException">The data do not have the length of the shape.</exception>
    /// <exception cref="PjrtException">The plugin refuses, for example for lack of memory.</exception>
    public PjrtBuffer Upload(nint address, long bytes, PjrtShape shape, PjrtDevice? device = null) =>
        PjrtTransfers.Upload(this, address, bytes, shape, device);

    /// <summary>Copies an array to a device without an intermediate copy on the host.</summary>
    /// <param name="data">The elements' bytes; must not change until the task has completed.</param>
    /// <param name="shape">Type and sizes.</param>
    /// <param name="device">The device; null for the first of this process.</param>
    /// <returns>The filled buffer.</returns>
    /// <exception cref="ArgumentException">The data do not have the length of the shape.</exception>
    /// <exception cref="PjrtException">The plugin refuses, or the transfer failed.</exception>
    public Task<PjrtBuffer> UploadAsync(ReadOnlyMemory<byte> data, PjrtShape shape, PjrtDevice? device = null) =>
        PjrtTransfers.UploadAsync(this, data, shape, device);

    /// <inheritdoc />
    public void Dispose() => Handle.Dispose();

    /// <summary>Writes program and options at the offsets that both compile functions have.</summary>
    internal static void SetProgram(
        ref ArgumentBlock arguments, string program, PjrtCompileOptions? options, NativeArena arena)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(program);
        var (code, codeBytes) = arena.Text(program);
        var (format, formatBytes) = arena.Text(Format);
        var block = ArgumentBlock.Create();
        block.Set(16, code);
        block.Set(24, codeBytes);
        block.Set(32, format);
        block.Set(40, formatBytes);
        var bytes = (options ?? new PjrtCompileOptions()).ToBytes();
        arguments.Set(24, arena.Copy<ArgumentBlock>([block]));
        arguments.Set(32, arena.Copy<byte>(bytes));
        arguments.Set(40, (nuint)bytes.Length);
    }

    /// <summary>Finds the device at an address.</summary>
    internal PjrtDevice DeviceAt(nint address) => Devices.First(device => device.Address == address);

    private nint[] Addresses(PjrtFunction function)
    {
        var arguments = ArgumentBlock.Create();
        Handle.Call(function, ref arguments);
        return arguments.Array<nint>(24, 32);
    }

    private string Text(PjrtFunction function)
    {
        var arguments = ArgumentBlock.Create();
        Handle.Call(function, ref arguments);
        return arguments.Text(24, 32);
    }
}
