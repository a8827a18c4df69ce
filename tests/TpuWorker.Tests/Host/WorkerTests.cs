using System.Net;
using System.Net.Sockets;
using Workflows.Artifacts;
using Workflows.TpuWorker.Host;
using Workflows.TpuWorker.Host.Devices;
using Workflows.TpuWorker.Protocol;

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
        using var log = new WorkerLog(TextWriter.Null);
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

    /// <summary>A log on a full disk: had its fault ended the job, the gateway would wait for the end for
    /// ever.</summary>
    [Fact]
    public async Task RunAsync_LogThatCannotBeWritten_StillTellsTheEndOfTheJob()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var gateway = new FakeGateway(new Job { JobId = "future@node" }, message =>
        {
            if (message.JobEnded is not null)
            {
                stop.Cancel();
            }
        });
        var (application, address) = await gateway.StartAsync();
        await using var _ = application;
        using var metadata = new MetadataServer("127.0.0.1:1");
        using var full = new FullDisk();
        using var log = new WorkerLog(full);
        using var worker = new Worker(
            new WorkerIdentity("run", "node", address, "secret"), metadata, new ProcessorDevice(TimeProvider.System),
            new JobFiles(new FileArtifactStore(), "unused"), TimeProvider.System, log);

        Assert.Equal(ExitCodes.Stopped, await worker.RunAsync(stop.Token));

        var end = Assert.Single(gateway.Messages, message => message.JobEnded is not null).JobEnded;
        Assert.Equal(("future@node", "UNKNOWN_JOB"), (end.JobId, end.ErrorCode));
        full.HasRoom = true;
        log.WriteLine("later");
        Assert.Matches(@"^\([1-9]\d* lines could not be written\.\)\nlater\n$", full.ToString());
    }

    /// <summary>The second service has the state of before the end, and gives the job that is done.</summary>
    [Fact]
    public async Task RunAsync_OfAServiceThatIsGone_GoesToTheNextAndTellsTheEndAgain()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var job = new Job { JobId = "future@node" };
        var first = new FakeGateway(job, _ => { }) { Acknowledges = true };
        var second = new FakeGateway(job, message =>
        {
            if (message.JobEnded is not null)
            {
                stop.Cancel();
            }
        });
        var (one, firstAddress) = await first.StartAsync();
        await using var _ = one;
        var (other, secondAddress) = await second.StartAsync();
        await using var __ = other;
        using var metadata = new MetadataServer("127.0.0.1:1");
        using var log = new WorkerLog(TextWriter.Null);
        using var worker = new Worker(
            new WorkerIdentity("run", "node", [new Uri("http://127.0.0.1:1"), firstAddress, secondAddress], "secret"),
            metadata, new ProcessorDevice(TimeProvider.System), new JobFiles(new FileArtifactStore(), "unused"),
            TimeProvider.System, log);

        Assert.Equal(ExitCodes.Stopped, await worker.RunAsync(stop.Token));

        Assert.All([first, second], gateway => Assert.Equal(
            "future@node", gateway.Messages.First(message => message.JobEnded is not null).JobEnded.JobId));
    }

    private sealed class FullDisk : StringWriter
    {
        public bool HasRoom { get; set; }

        public override void Write(string? value)
        {
            if (!HasRoom)
            {
                throw new IOException("No space left on device");
            }

            base.Write(value);
        }
    }
}
