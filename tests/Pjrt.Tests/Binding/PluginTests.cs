using Workflows.TestKit;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Native;

namespace Workflows.Pjrt.Tests.Binding;

public sealed class PluginTests
{
    [Fact]
    public async Task Load_OfAPlugin_TellsItsVersions()
    {
        var plugin = PjrtPlugin.Load(await CpuPlugin.PathOrSkipAsync());

        Assert.Equal(0, plugin.ApiVersion.Major);
        Assert.InRange(plugin.ApiVersion.Minor, PjrtApi.OldestMinor, 10_000);
        Assert.NotNull(plugin.StableHloVersion);
        Assert.True(plugin.StableHloVersion >= plugin.OldestStableHloVersion);
    }

    [Fact]
    public async Task Load_Again_GivesTheSamePlugin()
    {
        var path = await CpuPlugin.PathOrSkipAsync();

        Assert.Same(PjrtPlugin.Load(path), PjrtPlugin.Load(Path.GetRelativePath(Environment.CurrentDirectory, path)));
    }

    [Fact]
    public void Load_OfAMissingFile_NamesIt()
    {
        var exception = Assert.Throws<PjrtPluginException>(() => PjrtPlugin.Load("/nowhere/libtpu.so"));

        Assert.Contains("'/nowhere/libtpu.so'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("no such file", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(100_000)]
    public void Load_OfRubbish_SaysThatItIsNoSharedLibrary(int bytes)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("plugin.so", [.. Enumerable.Range(0, bytes).Select(index => (byte)(index * 31))]);

        var exception = Assert.Throws<PjrtPluginException>(() => PjrtPlugin.Load(path));

        Assert.Contains("cannot be loaded as a shared library", exception.Message, StringComparison.Ordinal);
        Assert.Equal(path, exception.Plugin);
    }

    [Fact]
    public void Load_OfAnotherLibrary_SaysThatItIsNoPlugin()
    {
        var library = Directory.EnumerateFiles(AppContext.BaseDirectory, "*.so").Concat(
            Directory.EnumerateFiles(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "libSystem.Native.*"))
            .FirstOrDefault();
        Skipped.Unless(library is not null, "No native library lies beside the runtime.");

        var exception = Assert.Throws<PjrtPluginException>(() => PjrtPlugin.Load(library));

        Assert.Contains("exports no 'GetPjrtApi'", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Set_OfAVariable_ReachesNativeCode()
    {
        NativeEnvironment.Set("WORKFLOWS_PJRT_TEST_VARIABLE", "7");

        Assert.Equal("7", NativeEnvironment.Get("WORKFLOWS_PJRT_TEST_VARIABLE"));
        Assert.Equal("7", Environment.GetEnvironmentVariable("WORKFLOWS_PJRT_TEST_VARIABLE"));
        Assert.Throws<ArgumentException>(() => NativeEnvironment.Set("A=B", "7"));
    }
}
