using Workflows.TestKit.Pjrt;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Native;

namespace Workflows.Pjrt.Tests.Fake;

/// <summary>Plugins of every API version: smaller and larger tables and structures.</summary>
public sealed class VersionTests
{
    [Theory]
    [InlineData(FakePlugin.Oldest)]
    [InlineData(58)]
    [InlineData(67)]
    [InlineData(74)]
    [InlineData(81)]
    [InlineData(98)]
    [InlineData(104)]
    [InlineData(FakePlugin.Newest)]
    [InlineData(FakePlugin.Future)]
    public async Task WholeWay_WithAnyVersion_Works(int minor)
    {
        var (fake, client) = FakePrograms.Start(minor);

        Assert.Equal(new Version(0, minor), client.Plugin.ApiVersion);
        Assert.Equal(new Version(1, 23, 0), client.Plugin.StableHloVersion);
        Assert.Equal(new Version(0, 9, 0), client.Plugin.OldestStableHloVersion);
        Assert.Equal([true, 0.5f, "fake", 2L], ((string[])["is_fake", "share", "name", "xla_version"])
            .Select(name => client.Plugin.Attributes[name]));
        using (var program = client.Compile(Programs.Step))
        using (var loaded = client.Load(program.Executable.Serialize()))
        using (var state = FakePrograms.Upload(client, 0))
        using (var addend = FakePrograms.Upload(client, 1))
        using (var execution = loaded.Execute([state, addend]))
        {
            await execution.Completed;
            Assert.Equal([16], FakePrograms.Download(execution.Outputs[0][0]));
            Assert.Equal([1, 3, 5, 7], FakePrograms.Download(execution.Outputs[0][1]));
            Assert.True(state.IsDeleted);
            Assert.Equal(16, loaded.Executable.ReadMemory()!.Aliased);
        }

        client.Dispose();
        Assert.Empty(fake.Violations);
        Assert.Empty(fake.Leaks);
    }

    [Theory]
    [InlineData(0, 53, 840)]
    [InlineData(0, 40, 600)]
    [InlineData(0, 54, 832)]
    public void FromTable_OfAnOldVersion_IsRefusedWithItsNumber(int major, int minor, int bytes)
    {
        var fake = new FakePlugin(minor, major, bytes);

        var exception = Assert.Throws<PjrtPluginException>(() => PjrtPlugin.FromTable(fake.Table, "old"));

        Assert.Contains($"PJRT API 0.{minor}", exception.Message, StringComparison.Ordinal);
        Assert.Contains("too old", exception.Message, StringComparison.Ordinal);
        Assert.Equal(0, fake.CallsOf("Plugin_Initialize"));
    }

    [Fact]
    public void FromTable_OfAnotherMajorVersion_IsRefused()
    {
        var fake = new FakePlugin(2, major: 1, tableBytes: 1200);

        Assert.Contains(
            "PJRT API 1.2",
            Assert.Throws<PjrtPluginException>(() => PjrtPlugin.FromTable(fake.Table, "new")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void FromTable_OfNoTable_IsRefused()
    {
        var fake = new FakePlugin(tableBytes: 0);

        Assert.Contains(
            "no PJRT_Api",
            Assert.Throws<PjrtPluginException>(() => PjrtPlugin.FromTable(fake.Table, "nothing")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Call_OfAFunctionThatCameLater_IsUnimplemented()
    {
        var fake = new FakePlugin(FakePlugin.Oldest);
        var plugin = PjrtPlugin.FromTable(fake.Table, "old");

        var exception = Assert.Throws<PjrtException>(() => PjrtTopology.Deserialize(plugin, [1, 2]));

        Assert.Equal(PjrtErrorCode.Unimplemented, exception.Code);
        Assert.Contains("0.54", exception.Text, StringComparison.Ordinal);
    }

    // The check itself: a caller that is as exact as a C header of the year before is refused by the newer plugin.
    [Fact]
    public void Call_WithASmallerStructure_IsRefusedByThePlugin()
    {
        var fake = new FakePlugin(FakePlugin.Newest);
        var api = new PjrtApi(fake.Table, "fake");
        var arguments = ArgumentBlock.Create();
        arguments.Set(0, (nuint)72);

        var exception = Assert.Throws<PjrtException>(() => api.Call(PjrtFunction.ClientCreate, ref arguments));

        Assert.Equal(PjrtErrorCode.InvalidArgument, exception.Code);
        Assert.Contains("expected 88, got 72", exception.Text, StringComparison.Ordinal);
        Assert.Empty(fake.Leaks);
    }

    [Fact]
    public void FromTable_Again_InitializesOnce()
    {
        var fake = new FakePlugin();

        Assert.Same(PjrtPlugin.FromTable(fake.Table, "fake"), PjrtPlugin.FromTable(fake.Table, "fake"));
        Assert.Equal(1, fake.CallsOf("Plugin_Initialize"));
    }
}
