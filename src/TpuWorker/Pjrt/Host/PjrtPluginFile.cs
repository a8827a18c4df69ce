namespace Workflows.TpuWorker.Pjrt.Host;

/// <summary>A plugin's file, and the source of its name.</summary>
/// <param name="Path">The shared library.</param>
/// <param name="NamedBy">The argument, the variable, or the folder of installed plugins.</param>
public sealed record PjrtPluginFile(string Path, string NamedBy)
{
    /// <summary>
    /// The variable that names a plugin: a path, or <c>cpu</c>, <c>libtpu</c> or <c>cuda</c> for an installed one.
    /// </summary>
    public const string Variable = "WORKFLOWS_PJRT_PLUGIN";

    /// <summary>The variable by which other programs name libtpu.</summary>
    public const string TpuVariable = "TPU_LIBRARY_PATH";

    /// <summary>The variable that names the folder of installed plugins.</summary>
    public const string FolderVariable = "WORKFLOWS_PJRT_FOLDER";

    private static readonly Dictionary<string, string> InstalledNames = new(StringComparer.Ordinal)
    {
        ["cpu"] = "pjrt_c_api_cpu_plugin.so",
        ["libtpu"] = "libtpu.so",
        ["cuda"] = "xla_cuda_plugin.so",
    };

    /// <summary>
    /// Finds the plugin: the given one, else that of <see cref="Variable"/>, else that of <see cref="TpuVariable"/>,
    /// else an installed one: libtpu if the host has chips, otherwise the CPU plugin.
    /// </summary>
    /// <param name="given">A path or <c>cpu</c>, <c>libtpu</c>, <c>cuda</c>; null if none is given.</param>
    /// <param name="hasChips">true if the host has TPU chips.</param>
    /// <param name="environment">Returns variables by their names.</param>
    /// <returns>The file; null if none is named and none is installed.</returns>
    /// <exception cref="PjrtPluginException">The named plugin does not exist.</exception>
    public static PjrtPluginFile? Find(string? given, bool hasChips, Func<string, string?> environment)
    {
        var folder = InstalledFolder(environment);
        (string? Name, string By)[] named =
        [
            (given, "the argument"), (environment(Variable), Variable), (environment(TpuVariable), TpuVariable),
        ];
        foreach (var (name, by) in named)
        {
            if (!string.IsNullOrWhiteSpace(name))
            {
                return Named(name, by, folder);
            }
        }

        var installed = System.IO.Path.Combine(folder, InstalledNames[hasChips ? "libtpu" : "cpu"]);
        return File.Exists(installed) ? new PjrtPluginFile(installed, folder) : null;
    }

    /// <summary>Returns the folder into which <c>eng/get-pjrt-plugin.sh</c> installs plugins.</summary>
    /// <param name="environment">Returns variables by their names.</param>
    /// <returns>The folder, which need not exist.</returns>
    public static string InstalledFolder(Func<string, string?> environment)
    {
        if (environment(FolderVariable) is { Length: > 0 } folder)
        {
            return folder;
        }

        var cache = environment("XDG_CACHE_HOME") is { Length: > 0 } named
            ? named
            : System.IO.Path.Combine(environment("HOME") ?? "/root", ".cache");
        return System.IO.Path.Combine(cache, "workflows", "pjrt");
    }

    private static PjrtPluginFile Named(string name, string by, string folder)
    {
        var isKind = InstalledNames.TryGetValue(name, out var file);
        var path = isKind ? System.IO.Path.Combine(folder, file!) : name;
        return File.Exists(path)
            ? new PjrtPluginFile(path, by)
            : throw new PjrtPluginException(
                path,
                isKind
                    ? $"{by} asks for '{name}', which is not installed: run 'eng/get-pjrt-plugin.sh {name}'"
                    : $"{by} names it, and there is no such file");
    }
}
