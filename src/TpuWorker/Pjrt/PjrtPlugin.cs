using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Workflows.TpuWorker.Pjrt.Native;

namespace Workflows.TpuWorker.Pjrt;

/// <summary>A PJRT plugin: a shared library that compiles and runs StableHLO programs on one kind of device.</summary>
/// <remarks>
/// A library is loaded and initialized once in a process and never unloaded: plugins keep threads and state forever.
/// </remarks>
public sealed unsafe class PjrtPlugin
{
    private const string EntryPoint = "GetPjrtApi";

    private static readonly Lock Loading = new();
    private static readonly Dictionary<string, PjrtPlugin> Loaded = new(StringComparer.Ordinal);
    private static readonly ConcurrentDictionary<nint, PjrtPlugin> Tables = new();

    private PjrtPlugin(PjrtApi api, string origin)
    {
        (Api, Origin) = (api, origin);
        var arguments = ArgumentBlock.Create();
        api.Call(PjrtFunction.PluginInitialize, ref arguments);
        arguments = ArgumentBlock.Create();
        Attributes = api.TryCall(PjrtFunction.PluginAttributes, ref arguments)
            ? NamedValues.Read(arguments.Get<nint>(16), arguments.Get<nuint>(24))
            : new Dictionary<string, object>(StringComparer.Ordinal);
    }

    /// <summary>Gets the path from which the plugin was loaded, or the name that it was given.</summary>
    public string Origin { get; }

    /// <summary>Gets the version of the plugin's PJRT API; the major number is 0.</summary>
    public Version ApiVersion => new(Api.Major, Api.Minor);

    /// <summary>
    /// Gets the plugin's attributes by their names, each a <see cref="string"/>, <see cref="long"/>, <c>long[]</c>,
    /// <see cref="float"/> or <see cref="bool"/>: <c>xla_version</c>, and the versions of StableHLO that it reads.
    /// </summary>
    public IReadOnlyDictionary<string, object> Attributes { get; }

    /// <summary>Gets the newest StableHLO version that the plugin reads; null if it does not report it.</summary>
    public Version? StableHloVersion => VersionOf("stablehlo_current_version");

    /// <summary>Gets the oldest StableHLO version that the plugin reads; null if it does not report it.</summary>
    public Version? OldestStableHloVersion => VersionOf("stablehlo_minimum_version");

    /// <summary>Gets the plugin's functions.</summary>
    internal PjrtApi Api { get; }

    /// <summary>Loads a plugin, or returns the one that was loaded from the same file.</summary>
    /// <param name="path">The shared library.</param>
    /// <param name="environment">
    /// Variables that the library reads when it is loaded or initialized, set in this process before; null for none.
    /// They are not set again for a library that is loaded already.
    /// </param>
    /// <returns>The plugin, initialized.</returns>
    /// <exception cref="PjrtPluginException">
    /// The file is missing, is not a shared library of this platform, is not a PJRT plugin, or is too old.
    /// </exception>
    /// <exception cref="PjrtException">The plugin refused to initialize.</exception>
    public static PjrtPlugin Load(string path, IReadOnlyDictionary<string, string>? environment = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        var full = Path.GetFullPath(path);
        lock (Loading)
        {
            if (!Loaded.TryGetValue(full, out var plugin))
            {
                plugin = new PjrtPlugin(Open(full, environment), full);
                Loaded.Add(full, plugin);
            }

            return plugin;
        }
    }

    /// <summary>Uses a table of functions that is in this process already, and initializes the plugin.</summary>
    /// <param name="table">Address of a <c>PJRT_Api</c> that stays valid for the life of the process.</param>
    /// <param name="name">A name for messages.</param>
    /// <returns>The plugin; the same for the same table.</returns>
    /// <exception cref="PjrtPluginException">The table is too old.</exception>
    /// <exception cref="PjrtException">The plugin refused to initialize.</exception>
    public static PjrtPlugin FromTable(nint table, string name)
    {
        ArgumentOutOfRangeException.ThrowIfZero(table);
        return Tables.GetOrAdd(table, address => new PjrtPlugin(new PjrtApi(address, name), name));
    }

    private static PjrtApi Open(string path, IReadOnlyDictionary<string, string>? environment)
    {
        if (!File.Exists(path))
        {
            throw new PjrtPluginException(path, "there is no such file");
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            NativeEnvironment.Set(name, value);
        }

        nint library;
        try
        {
            library = NativeLibrary.Load(path);
        }
        catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
        {
            throw new PjrtPluginException(
                path, $"it cannot be loaded as a shared library of this platform ({exception.Message.Trim()})",
                exception);
        }

        if (!NativeLibrary.TryGetExport(library, EntryPoint, out var entry))
        {
            throw new PjrtPluginException(path, $"it exports no '{EntryPoint}': it is a library, but no PJRT plugin");
        }

        var table = ((delegate* unmanaged[Cdecl]<nint>)entry)();
        return table == 0
            ? throw new PjrtPluginException(path, $"its '{EntryPoint}' returns nothing")
            : new PjrtApi(table, path);
    }

    private Version? VersionOf(string attribute) =>
        Attributes.TryGetValue(attribute, out var value) && value is long[] { Length: 3 } parts
            ? new Version((int)parts[0], (int)parts[1], (int)parts[2])
            : null;
}
