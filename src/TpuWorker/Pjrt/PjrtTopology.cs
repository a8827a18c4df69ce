using Workflows.TpuWorker.Pjrt.Native;

namespace Workflows.TpuWorker.Pjrt;

/// <summary>A description of devices that need not exist, for which programs can be compiled.</summary>
public sealed unsafe class PjrtTopology : IDisposable
{
    private readonly PjrtHandle _handle;

    /// <summary>Takes ownership of a topology.</summary>
    internal PjrtTopology(PjrtPlugin plugin, PjrtHandle handle) => (Plugin, _handle) = (plugin, handle);

    /// <summary>Gets the plugin.</summary>
    public PjrtPlugin Plugin { get; }

    /// <summary>Gets the platform's name.</summary>
    public string PlatformName => Text(PjrtFunction.TopologyDescriptionPlatformName);

    /// <summary>Gets the platform's version as the plugin formats it.</summary>
    public string PlatformVersion => Text(PjrtFunction.TopologyDescriptionPlatformVersion);

    /// <summary>Gets the topology's attributes by their names; empty if the plugin has none.</summary>
    public IReadOnlyDictionary<string, object> Attributes
    {
        get
        {
            var arguments = ArgumentBlock.Create();
            return _handle.TryCallOn(null, PjrtFunction.TopologyDescriptionAttributes, ref arguments)
                ? NamedValues.Read(arguments.Get<nint>(24), arguments.Get<nuint>(32))
                : new Dictionary<string, object>(StringComparer.Ordinal);
        }
    }

    /// <summary>Describes devices by a name of the plugin.</summary>
    /// <param name="plugin">The plugin; libtpu requires <c>TPU_SKIP_MDS_QUERY=1</c> set before it was loaded.</param>
    /// <param name="name">A name such as <c>v5e:2x4</c>.</param>
    /// <param name="options">
    /// Options of the plugin by their names, each a string, bool, int, long, <c>long[]</c> or float; null for none.
    /// </param>
    /// <returns>The topology.</returns>
    /// <exception cref="PjrtException">
    /// The plugin does not know the name, or has no topologies, as CPU plugins do.
    /// </exception>
    public static PjrtTopology Create(
        PjrtPlugin plugin, string name, IReadOnlyDictionary<string, object>? options = null)
    {
        options ??= new Dictionary<string, object>();
        using var arena = new NativeArena();
        var (text, bytes) = arena.Text(name);
        var arguments = ArgumentBlock.Create();
        arguments.Set(16, text);
        arguments.Set(24, bytes);
        arguments.Set(32, NamedValues.Write(options, arena));
        arguments.Set(40, (nuint)options.Count);
        plugin.Api.Call(PjrtFunction.TopologyDescriptionCreate, ref arguments);
        return Own(plugin, arguments.Get<nint>(48));
    }

    /// <summary>Reads a topology that was serialized by the same plugin.</summary>
    /// <param name="plugin">The plugin.</param>
    /// <param name="serialized">Bytes of <see cref="Serialize"/>.</param>
    /// <returns>The topology.</returns>
    /// <exception cref="PjrtException">The bytes are not a topology, or the plugin's API is older than
    /// 0.75.</exception>
    public static PjrtTopology Deserialize(PjrtPlugin plugin, ReadOnlySpan<byte> serialized)
    {
        var arguments = ArgumentBlock.Create();
        fixed (byte* bytes = serialized)
        {
            arguments.Set(16, (nint)bytes);
            arguments.Set(24, (nuint)serialized.Length);
            plugin.Api.Call(PjrtFunction.TopologyDescriptionDeserialize, ref arguments);
        }

        return Own(plugin, arguments.Get<nint>(32));
    }

    /// <summary>Reads the devices' descriptions.</summary>
    /// <returns>One description for each device; none is addressable.</returns>
    public IReadOnlyList<PjrtDevice> ReadDevices()
    {
        var arguments = ArgumentBlock.Create();
        _handle.Call(PjrtFunction.TopologyDescriptionGetDeviceDescriptions, ref arguments);
        return [.. arguments.Array<nint>(24, 32).Select(address => new PjrtDevice(_handle, address))];
    }

    /// <summary>Compiles a program for the described devices. Blocks, for minutes with a large program.</summary>
    /// <param name="program">StableHLO text with a public function <c>main</c>.</param>
    /// <param name="options">Replicas, partitions and devices; null for one program on the first device.</param>
    /// <returns>The executable: its statistics, and bytes that a client of the same plugin loads.</returns>
    /// <exception cref="PjrtException">
    /// The text does not parse, or the program does not fit the device (<see cref="PjrtErrorCode.ResourceExhausted"/>).
    /// </exception>
    public PjrtExecutable Compile(string program, PjrtCompileOptions? options = null)
    {
        using var arena = new NativeArena();
        var arguments = ArgumentBlock.Create();
        PjrtClient.SetProgram(ref arguments, program, options, arena);
        _handle.Call(PjrtFunction.Compile, ref arguments);
        return new PjrtExecutable(Plugin.Api, arguments.Get<nint>(56), _handle);
    }

    /// <summary>Writes the topology as bytes that <see cref="Deserialize"/> reads.</summary>
    /// <returns>Bytes of this plugin.</returns>
    /// <exception cref="PjrtException">The plugin does not support it.</exception>
    public byte[] Serialize()
    {
        var arguments = ArgumentBlock.Create();
        _handle.Call(PjrtFunction.TopologyDescriptionSerialize, ref arguments);
        return Serialized.Take(ref arguments);
    }

    /// <inheritdoc />
    public void Dispose() => _handle.Dispose();

    private static PjrtTopology Own(PjrtPlugin plugin, nint address) => new(
        plugin, new PjrtHandle(plugin.Api, address, PjrtFunction.TopologyDescriptionDestroy, parent: null));

    private string Text(PjrtFunction function)
    {
        var arguments = ArgumentBlock.Create();
        _handle.Call(function, ref arguments);
        return arguments.Text(24, 32);
    }
}
