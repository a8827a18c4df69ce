using System.ComponentModel;
using System.Diagnostics;

namespace Workflows.TestKit;

/// <summary>A published JavaScript package, installed once and kept between runs.</summary>
public sealed class JsPackage
{
    private readonly string _title;
    private readonly Lazy<Task<(string? Modules, string Reason)>> _installation;

    /// <summary>Names a package; nothing is installed yet.</summary>
    /// <param name="title">Its name for people.</param>
    /// <param name="folder">Name of the folder that keeps it, with its version.</param>
    /// <param name="packages">The packages to install, as npm names them.</param>
    public JsPackage(string title, string folder, params string[] packages)
    {
        _title = title;
        _installation = new(() => InstallAsync(folder, packages));
    }

    /// <summary>Installs the package, if it can be had.</summary>
    /// <returns>A task that completes in either case.</returns>
    public Task PrepareAsync() => _installation.Value;

    /// <summary>Installs the package, and skips the running test where it cannot be had.</summary>
    /// <returns>The folder that node resolves packages in.</returns>
    public async Task<string> RequireAsync()
    {
        (string? modules, string reason) = await _installation.Value;
        Skipped.Unless(modules is not null, $"{_title} cannot be run: {reason}");
        return modules;
    }

    private static async Task<(string? Modules, string Reason)> InstallAsync(string name, string[] packages)
    {
        (int node, string nodeText) = await RunAsync(Path.GetTempPath(), "node", "--version");
        if (node != 0)
        {
            return (null, $"node does not run: {nodeText}");
        }

        string folder = Path.Combine(CacheFolder(), name);
        string modules = Path.Combine(folder, "node_modules");
        if (Directory.Exists(modules))
        {
            return (modules, string.Empty);
        }

        // Installed beside its place and moved there whole: another run may be doing the same.
        string workshop = $"{folder}.{Guid.NewGuid():N}";
        Directory.CreateDirectory(workshop);
        await File.WriteAllTextAsync(Path.Combine(workshop, "package.json"), """{ "private": true }""");
        (int npm, string npmText) = await RunAsync(
            workshop, "npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", .. packages]);
        try
        {
            if (npm != 0)
            {
                return (null, $"npm install failed: {npmText.Split('\n')[0]}");
            }

            Directory.Move(workshop, folder);
        }
        catch (IOException) when (Directory.Exists(modules))
        {
            // The other run was first.
        }
        finally
        {
            if (Directory.Exists(workshop))
            {
                Directory.Delete(workshop, recursive: true);
            }
        }

        return (modules, string.Empty);
    }

    private static string CacheFolder()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "global.json")))
            {
                return Directory.CreateDirectory(Path.Combine(folder.FullName, "artifacts", "js")).FullName;
            }
        }

        return Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), "workflows-js")).FullName;
    }

    private static async Task<(int Code, string Text)> RunAsync(
        string folder, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        try
        {
            using Process process = Process.Start(start)!;
            try
            {
                Task<string> output = process.StandardOutput.ReadToEndAsync(limit.Token);
                string errors = await process.StandardError.ReadToEndAsync(limit.Token);
                string text = await output + errors;
                await process.WaitForExitAsync(limit.Token);
                return (process.ExitCode, text.Trim());
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                return (-1, $"{program} did not end within two minutes.");
            }
        }
        catch (Win32Exception error)
        {
            return (-1, error.Message);
        }
    }
}
