using Workflows.Activities.Provisioning;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Provisioning;

public sealed class TpuCloudTests : RunFolder
{
    [Fact]
    public async Task Connect_RehearsalsOfSeveralRuns_ShareOneConnection()
    {
        using var tpu = new TpuCloud(new Uri("http://127.0.0.1:1"));
        ITpuCloud cloud = tpu;
        var spec = Spec() with { IsRehearsal = true };

        var first = await cloud.ConnectAsync(spec, CancellationToken.None);
        var second = await cloud.ConnectAsync(
            spec with { RunId = new RunId("other"), Project = "q" }, CancellationToken.None);

        Assert.Same(first, second);
    }

    [Fact]
    public async Task Connect_RehearsalWithoutAnEmulator_SaysSo()
    {
        using var tpu = new TpuCloud(null);
        ITpuCloud cloud = tpu;

        var fault = await Assert.ThrowsAsync<InvalidOperationException>(
            () => cloud.ConnectAsync(Spec() with { IsRehearsal = true }, CancellationToken.None));

        Assert.Contains("no TPU emulator", fault.Message, StringComparison.Ordinal);
    }
}
