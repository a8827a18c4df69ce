using Workflows.TestKit;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Host;

namespace Workflows.Pjrt.Tests.Host;

public sealed class PjrtPluginFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, string> _environment = new(StringComparer.Ordinal);

    public PjrtPluginFileTests() => _environment["WORKFLOWS_PJRT_FOLDER"] = _folder.Path;

    [Fact]
    public void Find_TakesTheFirstThatIsNamed()
    {
        var (argument, own, other) = (_folder.Write("a.so", ""), _folder.Write("b.so", ""), _folder.Write("c.so", ""));

        _environment["TPU_LIBRARY_PATH"] = other;
        Assert.Equal(new PjrtPluginFile(other, "TPU_LIBRARY_PATH"), Find(null));
        _environment["WORKFLOWS_PJRT_PLUGIN"] = own;
        Assert.Equal(new PjrtPluginFile(own, "WORKFLOWS_PJRT_PLUGIN"), Find(null));
        Assert.Equal(argument, Find(argument)?.Path);
    }

    [Fact]
    public void Find_WithNothingNamed_TakesTheInstalledOneForTheHost()
    {
        Assert.Null(Find(null));
        var cpu = _folder.Write("pjrt_c_api_cpu_plugin.so", "");

        Assert.Equal(cpu, Find(null)?.Path);

        // A host with chips must not compute on its processor because libtpu is missing.
        Assert.Null(Find(null, hasChips: true));
        var tpu = _folder.Write("libtpu.so", "");
        Assert.Equal(tpu, Find(null, hasChips: true)?.Path);
        Assert.Equal(cpu, Find("cpu", hasChips: true)?.Path);
    }

    [Theory]
    [InlineData("WORKFLOWS_PJRT_PLUGIN", "/nowhere/plugin.so", "no such file")]
    [InlineData("TPU_LIBRARY_PATH", "/nowhere/libtpu.so", "no such file")]
    [InlineData("WORKFLOWS_PJRT_PLUGIN", "cuda", "eng/get-pjrt-plugin.sh cuda")]
    public void Find_OfAMissingOne_NamesTheVariableAndTheFix(string variable, string value, string fix)
    {
        _environment[variable] = value;

        var exception = Assert.Throws<PjrtPluginException>(() => Find(null));

        Assert.Contains(variable, exception.Message, StringComparison.Ordinal);
        Assert.Contains(fix, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void InstalledFolder_WithoutItsVariable_IsInTheCacheOfTheUser()
    {
        _environment.Remove("WORKFLOWS_PJRT_FOLDER");
        _environment["HOME"] = "/home/ada";
        Assert.Equal("/home/ada/.cache/workflows/pjrt", PjrtPluginFile.InstalledFolder(Get));
        _environment["XDG_CACHE_HOME"] = "/cache";
        Assert.Equal("/cache/workflows/pjrt", PjrtPluginFile.InstalledFolder(Get));
    }

    public void Dispose() => _folder.Dispose();

    private string? Get(string name) => _environment.GetValueOrDefault(name);

    private PjrtPluginFile? Find(string? given, bool hasChips = false) => PjrtPluginFile.Find(given, hasChips, Get);
}
