namespace Workflows.Service.Hosting;

/// <summary>Finds the programs beside this assembly, which run as processes of their own.</summary>
internal static class OwnPrograms
{
    /// <summary>Returns the command of a program.</summary>
    /// <param name="name">Name of the program without its ending, such as <c>Workflows.Service</c>.</param>
    /// <param name="arguments">Its arguments.</param>
    public static IReadOnlyList<string> CommandOf(string name, params IReadOnlyList<string> arguments) =>
    [
        .. ProgramOf(
            name, AppContext.BaseDirectory, Path.GetDirectoryName(typeof(object).Assembly.Location)!,
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? Environment.ProcessPath),
        .. arguments,
    ];

    /// <summary>Returns the first part of a program's command.</summary>
    /// <param name="name">Name of the program.</param>
    /// <param name="folder">Folder of the programs.</param>
    /// <param name="runtime">Folder of the runtime of this process.</param>
    /// <param name="host">Program that runs this process; null if unknown.</param>
    /// <returns>The program itself where the runtime is in its folder, since there may be no other one; else the
    /// runtime of this process with its assembly.</returns>
    internal static IReadOnlyList<string> ProgramOf(string name, string folder, string runtime, string? host)
    {
        var program = Path.Combine(folder, name);
        return Path.TrimEndingDirectorySeparator(folder) == Path.TrimEndingDirectorySeparator(runtime)
            ? [OperatingSystem.IsWindows() ? $"{program}.exe" : program]
            : [
                host is not null && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet",
                $"{program}.dll",
            ];
    }
}
