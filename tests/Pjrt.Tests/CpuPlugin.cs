using System.Security.Cryptography;
using Workflows.TestKit;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Host;

namespace Workflows.Pjrt.Tests;

/// <summary>
/// A real plugin for tests: the one that WORKFLOWS_PJRT_PLUGIN names or that is installed, else the CPU plugin of
/// <c>shared/pjrt</c> beside the checkout, unpacked once into a cache folder. Tests are skipped where neither is there.
/// </summary>
internal static class CpuPlugin
{
    private const string Name = "pjrt_c_api_cpu_plugin.so";
    private const string Sha256 = "ad1309ac822b1b24d51b7f9947c7c9fa9ef5d67f390584cbc3d1fa2428fed9c2";

    private static readonly Lazy<Task<string>> Unpacked = new(UnpackAsync);
    private static readonly Lazy<PjrtClient> Shared = new(
        () => PjrtClient.Create(PjrtPlugin.Load(PathOfPlugin().Result)));

    /// <summary>Gives a client of the plugin that all tests share, or skips the running test.</summary>
    public static async Task<PjrtClient> ClientOrSkipAsync()
    {
        await PathOrSkipAsync();
        return Shared.Value;
    }

    /// <summary>Gives the plugin's file, or skips the running test.</summary>
    public static async Task<string> PathOrSkipAsync()
    {
        Skipped.Unless(
            Given is not null || Packed is not null,
            $"No PJRT plugin: set {PjrtPluginFile.Variable} to one, or run eng/get-pjrt-plugin.sh cpu.");
        Skipped.Unless(
            Given is not null || OperatingSystem.IsLinux() && Command.IsInstalled("xz"),
            "The CPU plugin of shared/pjrt is for Linux and is unpacked by 'xz', which is not on the PATH.");
        return await PathOfPlugin();
    }

    /// <summary>Finds a sample of <c>shared/pjrt/stablehlo</c>, or skips the running test.</summary>
    public static string SampleOrSkip(string name)
    {
        var path = Fixtures.Above("shared", "pjrt", "stablehlo", name);
        Skipped.Unless(path is not null, $"No StableHLO sample at '../shared/pjrt/stablehlo/{name}'.");
        return path;
    }

    /// <summary>Gets the plugin that is named, or installed as a CPU plugin.</summary>
    private static string? Given => PjrtPluginFile.Find(
        given: null, hasChips: false,
        name => name == PjrtPluginFile.TpuVariable ? null : Environment.GetEnvironmentVariable(name))?.Path;

    private static string? Packed => Fixtures.Above("shared", "pjrt", $"{Name}.xz");

    private static Task<string> PathOfPlugin() => Given is { } path ? Task.FromResult(path) : Unpacked.Value;

    private static async Task<string> UnpackAsync()
    {
        var folder = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"workflows-pjrt-{Sha256[..12]}"));
        var target = Path.Combine(folder.FullName, Name);

        // Test programs run beside each other: the first to hold the lock unpacks, the rename makes the file whole.
        using var only = await LockAsync($"{target}.lock");
        if (!File.Exists(target))
        {
            var unfinished = $"{target}.unfinished";
            var (code, _, error) = await Command.RunAsync("sh", ["-c", $"xz -dc '{Packed}' > '{unfinished}'"]);
            Assert.True(code == 0, $"xz ended with {code}: {error}");
            await using (var file = File.OpenRead(unfinished))
            {
                var sum = Convert.ToHexStringLower(await SHA256.HashDataAsync(file));
                Assert.True(sum == Sha256, $"The sha256 of '{unfinished}' is {sum}, wanted {Sha256}.");
            }

            File.Move(unfinished, target);
        }

        return target;
    }

    private static async Task<FileStream> LockAsync(string path)
    {
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), TestContext.Current.CancellationToken);
            }
        }
    }
}
