using Workflows.TestKit.Pjrt;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Programs;
using Workflows.TpuWorker.StableHlo;

namespace Workflows.TpuWorker.Tests.Pjrt;

public sealed class PjrtSmokeTestTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Run_OnAPluginThatComputes_TellsItsDevices(bool isReal)
    {
        var client = await FakeGraphs.ClientOrSkipAsync(PjrtSmokeTest.Step(), isReal);

        var report = PjrtSmokeTest.Run(client);

        Assert.Equal(client.Plugin.ApiVersion, report.ApiVersion);
        Assert.Equal(client.PlatformName, report.Platform);
        Assert.Equal(client.AddressableDevices.Count, report.DeviceKinds.Count);
        Assert.Equal(32, report.Program!.Aliased);
    }

    [Fact]
    public void Run_OnADeviceThatMiscomputes_SaysWhichNumbers()
    {
        var graph = PjrtSmokeTest.Step();
        var (fake, client) = FakeGraphs.Start(graph);
        var module = StableHloModule.Lower(graph);
        fake.Register(module.Text, new FakeProgram(_ => [FakeTensor.Of([4], 1), FakeTensor.Of(new float[8], 8, 1)])
        {
            ArgumentCount = 2,
            Donated = new Dictionary<int, int> { [0] = 1 },
            Outputs = [FakeTensor.Of([0], 1), FakeTensor.Of(new float[8], 8, 1)],
        });

        var exception = Assert.Throws<PjrtException>(() => PjrtSmokeTest.Run(client));

        Assert.Equal(PjrtErrorCode.DataLoss, exception.Code);
        Assert.Contains("the new weights", exception.Text, StringComparison.Ordinal);
        client.Dispose();
        Assert.Empty(fake.Leaks);
    }
}
