using System.ComponentModel;
using System.Diagnostics;

namespace Workflows.DurableTask.Tests.Conformance;

/// <summary>The published JavaScript package, installed once and kept between runs.</summary>
internal static class JsPackage
{
    private const string Name = "@microsoft/durabletask-js";
    private const string Version = "0.4.0";

    private static readonly Lazy<Task<(string? Modules, string Reason)>> Installation = new(InstallAsync);

    public static Task PrepareAsync() => Installation.Value;

    /// <summary>The folder that node resolves packages in; skips the test where the package cannot be had.</summary>
    public static async Task<string> RequireAsync()
    {
        (string? modules, string reason) = await Installation.Value;
        Assert.SkipWhen(modules is null, $"{Name} {Version} cannot be run: {reason}");
        return modules!;
    }

    private static async Task<(string? Modules, string Reason)> InstallAsync()
    {
        (int node, string nodeText) = await RunAsync(Path.GetTempPath(), "node", "--version");
        if (node != 0)
        {
            return (null, $"node does not run: {nodeText}");
        }

        string folder = Path.Combine(CacheFolder(), $"durabletask-js-{Version}");
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
            workshop, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", $"{Name}@{Version}");
        try
        {
            if (npm != 0)
            {
                return (null, $"npm install failed: {npmText}");
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
