using System.Globalization;

namespace Workflows.TpuWorker.Pjrt.Host;

/// <summary>A process that has a TPU's device node open.</summary>
/// <param name="Id">The process id.</param>
/// <param name="Name">The name of its program; empty if it cannot be read.</param>
public sealed record TpuUser(int Id, string Name);

/// <summary>
/// The TPU chips of this host and their state, read from the kernel's files, without loading a library or asking a
/// metadata server.
/// </summary>
public sealed record TpuHost
{
    private const string LockFile = "/tmp/libtpu_lockfile";

    /// <summary>Values of <c>TPU_CHIPS_PER_PROCESS_BOUNDS</c> by the number of chips of one process.</summary>
    private static readonly Dictionary<int, string> Bounds = new()
    {
        [1] = "1,1,1",
        [2] = "1,2,1",
        [4] = "2,2,1",
        [8] = "2,4,1",
    };

    /// <summary>Gets the generation of the chips; null if there is none.</summary>
    public TpuGeneration? Generation { get; private init; }

    /// <summary>Gets the number of chips on the PCI bus.</summary>
    public int ChipCount { get; private init; }

    /// <summary>Gets the chips' device nodes.</summary>
    public IReadOnlyList<string> DeviceNodes { get; private init; } = [];

    /// <summary>Gets the other processes that have a device node open, as far as this one may see them.</summary>
    public IReadOnlyList<TpuUser> Users { get; private init; } = [];

    /// <summary>
    /// Gets the lock file of libtpu if it exists. It remains after a crash: without a user it is stale and may be
    /// deleted.
    /// </summary>
    public string? LockFilePath { get; private init; }

    /// <summary>Gets a value indicating whether the host is on Google Compute Engine, and so has a metadata
    /// server.</summary>
    public bool IsComputeEngine { get; private init; }

    /// <summary>Reads the state of a host.</summary>
    /// <param name="root">The folder that contains <c>sys</c>, <c>dev</c>, <c>proc</c> and <c>tmp</c>.</param>
    /// <returns>Its chips and their users; no chips if the kernel lists none.</returns>
    /// <exception cref="TpuHostException">The chips are of several generations.</exception>
    public static TpuHost Read(string root = "/")
    {
        var generations = ReadChips(root);
        var generation = generations.Count > 0 ? generations[0] : null;
        if (generations.Distinct().Count() > 1)
        {
            throw new TpuHostException(
                TpuProblem.UnknownShape,
                $"The host has chips of several generations: {string.Join(", ", generations.Distinct())}.");
        }

        var nodes = generation is null ? [] : ReadNodes(root, generation);
        return new TpuHost
        {
            Generation = generation,
            ChipCount = generations.Count,
            DeviceNodes = nodes,
            Users = ReadUsers(root, nodes),
            LockFilePath = File.Exists(Below(root, LockFile)) ? LockFile : null,
            IsComputeEngine = ReadLine(Below(root, "/sys/devices/virtual/dmi/id/product_name"))
                == "Google Compute Engine",
        };
    }

    /// <summary>Checks that this process can use the chips.</summary>
    /// <exception cref="TpuHostException">
    /// There are none, they cannot be opened, or another process has them.
    /// </exception>
    public void Require()
    {
        if (ChipCount == 0)
        {
            throw new TpuHostException(
                TpuProblem.NoChips, "The host has no TPU chip on its PCI bus. Rent a TPU VM, or name another plugin.");
        }

        if (DeviceNodes.Count == 0)
        {
            var nodes = Generation!.UsesVfio ? "/dev/vfio" : "/dev/accel*";
            throw new TpuHostException(
                TpuProblem.NoDeviceNodes,
                $"The host has {ChipCount} {Generation.Name} chips, but no {nodes}: load the driver, or give the "
                + "devices to the container.");
        }

        if (Users.Count > 0)
        {
            var users = string.Join(", ", Users.Select(user => $"{user.Name} (process {user.Id})"));
            throw new TpuHostException(TpuProblem.InUse, $"Another process has the TPU: {users}. End it first.");
        }
    }

    /// <summary>Returns the variables that must be set before libtpu is loaded.</summary>
    /// <returns>
    /// Variables by their names: this process uses all chips of this host and of no other host; the metadata server is
    /// not asked if there is none.
    /// </returns>
    /// <exception cref="TpuHostException">One process cannot use that number of chips.</exception>
    public IReadOnlyDictionary<string, string> LibraryEnvironment()
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        if (ChipCount == 0 || !IsComputeEngine)
        {
            // Otherwise the library asks for each key 30 times, which takes half a minute for each key.
            variables["TPU_SKIP_MDS_QUERY"] = "1";
        }

        if (ChipCount > 0)
        {
            variables["TPU_CHIPS_PER_PROCESS_BOUNDS"] = Bounds.TryGetValue(ChipCount, out var bounds)
                ? bounds
                : throw new TpuHostException(
                    TpuProblem.UnknownShape,
                    $"The host has {ChipCount} chips, wanted {string.Join(", ", Bounds.Keys)}: rent another slice.");
            variables["TPU_PROCESS_BOUNDS"] = "1,1,1";
            variables["TPU_VISIBLE_CHIPS"] = string.Join(',', Enumerable.Range(0, ChipCount));
        }

        return variables;
    }

    /// <summary>Explains by the plugin's error why a client could not be created.</summary>
    /// <param name="error">The error of <see cref="PjrtClient.Create"/>.</param>
    /// <returns>The reason; null if the error has none of the known ones.</returns>
    public static TpuHostException? Explain(PjrtException error) => error.Code switch
    {
        PjrtErrorCode.NotFound => new TpuHostException(
            TpuProblem.NoChips, $"The plugin finds no chip: {error.Text}", error),
        PjrtErrorCode.Aborted when error.Text.Contains("in use", StringComparison.OrdinalIgnoreCase) =>
            new TpuHostException(
                TpuProblem.InUse,
                $"Another process has the TPU: {error.Text} If that process is gone, delete {LockFile}.", error),
        _ => null,
    };

    private static List<TpuGeneration> ReadChips(string root)
    {
        var folder = Below(root, "/sys/bus/pci/devices");
        return !Directory.Exists(folder)
            ? []
            : [.. Directory.EnumerateFileSystemEntries(folder)
                .Where(device => ReadNumber(Path.Combine(device, "vendor")) == TpuGeneration.Vendor)
                .Select(device => TpuGeneration.Of(ReadNumber(Path.Combine(device, "device"))))
                .OfType<TpuGeneration>()];
    }

    private static List<string> ReadNodes(string root, TpuGeneration generation)
    {
        var folder = generation.UsesVfio ? "/dev/vfio" : "/dev";
        var prefix = generation.UsesVfio ? "" : "accel";
        return !Directory.Exists(Below(root, folder))
            ? []
            : [.. Directory.EnumerateFileSystemEntries(Below(root, folder))
                .Select(path => Path.GetFileName(path)!)
                .Where(name => name.StartsWith(prefix, StringComparison.Ordinal)
                    && int.TryParse(name[prefix.Length..], NumberStyles.None, null, out _))
                .Select(name => $"{folder}/{name}").Order(StringComparer.Ordinal)];
    }

    private static List<TpuUser> ReadUsers(string root, List<string> nodes)
    {
        var users = new List<TpuUser>();
        if (nodes.Count == 0 || !Directory.Exists(Below(root, "/proc")))
        {
            return users;
        }

        foreach (var process in Directory.EnumerateDirectories(Below(root, "/proc")))
        {
            if (int.TryParse(Path.GetFileName(process), NumberStyles.None, null, out var id)
                && id != Environment.ProcessId && HasOpen(process, nodes))
            {
                users.Add(new TpuUser(id, ReadLine(Path.Combine(process, "comm")) ?? ""));
            }
        }

        return [.. users.OrderBy(user => user.Id)];
    }

    private static bool HasOpen(string process, List<string> nodes)
    {
        try
        {
            return new DirectoryInfo(Path.Combine(process, "fd")).EnumerateFileSystemInfos()
                .Any(file => file.LinkTarget is { } target && nodes.Contains(target));
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or IOException)
        {
            // The process belongs to another user, or has ended. libtpu's own lock covers the processes that are not
            // seen here.
            return false;
        }
    }

    private static int ReadNumber(string path) => ReadLine(path) is { } text
        && text.StartsWith("0x", StringComparison.Ordinal)
        && int.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var number)
            ? number
            : -1;

    private static string? ReadLine(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path).Trim() : null;
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or IOException)
        {
            return null;
        }
    }

    private static string Below(string root, string path) => Path.Combine(root, path.TrimStart('/'));
}
