using System.Net;
using System.Net.Sockets;
using Workflows.Artifacts;
using Workflows.TpuWorker.Host;
using Workflows.TpuWorker.Host.Devices;

namespace Workflows.TpuWorker.Tests.Host;

public sealed class WorkerTests
{
    [Fact]
    public async Task RunAsync_ToldToStopWhileItConnects_EndsAsTold()
    {
        // Takes connections and never says a word.
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var gateway = new Uri($"http://{silent.LocalEndpoint}");
        using var metadata = new MetadataServer($"{silent.LocalEndpoint}");
        using var log = new StringWriter();
        using var worker = new Worker(
            new WorkerIdentity("run", "node", gateway, "secret"), metadata,
            new ProcessorDevice(TimeProvider.System), new JobFiles(new FileArtifactStore(), "unused"),
            TimeProvider.System, log);
        using var stop = new CancellationTokenSource();

        var running = worker.RunAsync(stop.Token);
        using (await silent.AcceptTcpClientAsync(TestContext.Current.CancellationToken))
        {
            await stop.CancelAsync();
            Assert.Equal(ExitCodes.Stopped, await running);
        }
    }
}
