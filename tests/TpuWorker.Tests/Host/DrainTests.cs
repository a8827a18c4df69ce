using Workflows.TestKit;
using Workflows.TpuWorker.Host;
using Workflows.TpuWorker.Host.Devices;
using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Tests.Host;

/// <summary>A worker whose VM is about to be taken away says how far it came, over the stream that is open.</summary>
public sealed class DrainTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task RunAsync_ToldToStopInAJob_SavesItAndSaysTheLastCheckpointAndNoEnd()
    {
        Samples.WriteModel(_folder["model"], 1, 6);
        Samples.WritePairs(_folder["pairs.jsonl"], 12);
        using var stop = new CancellationTokenSource();
        var gateway = new FakeGateway(
            new Job
            {
                JobId = "train@node",
                Train = new TrainJob
                {
                    ModelDirectory = _folder["model"],
                    PairsFile = _folder["pairs.jsonl"],
                    Direction = "ko-en",
                    CheckpointDirectory = "gs://test-bucket/checkpoints",
                    OutputDirectory = "gs://test-bucket/tuned",
                    Steps = 100_000,
                    BatchSize = 2,
                    LearningRate = 1e-4,
                    MaxLength = 64,
                    CheckpointEverySteps = 1000,
                    PromptStyle = "brief",
                },
            },
            message =>
            {
                if (message.Progress is { Step: > 2 })
                {
                    stop.Cancel();
                }
                else if (message.KindCase == WorkerMessage.KindOneofCase.Draining)
                {
                    // A gateway that is behind: the worker must not hang up before its last words are read.
                    Thread.Sleep(300);
                }
            });
        var (application, address) = await gateway.StartAsync();
        await using var _ = application;
        using var metadata = new MetadataServer("127.0.0.1:1");
        using var log = new WorkerLog(TextWriter.Null);
        using var worker = new Worker(
            new WorkerIdentity("run", "node", address, "secret"), metadata,
            new ProcessorDevice(TimeProvider.System),
            new JobFiles(new BucketInAFolder(_folder["bucket"]), _folder["vm"]), TimeProvider.System, log);

        Assert.Equal(ExitCodes.Stopped, await worker.RunAsync(stop.Token));

        await gateway.Ended.WaitAsync(Cancellation);
        var last = gateway.Messages.Last(message => message.KindCase == WorkerMessage.KindOneofCase.Draining);
        var saved = Assert.Single(Directory.GetDirectories(
            Path.Combine(_folder["bucket"], "test-bucket", "checkpoints")));
        Assert.Equal("train@node", last.Draining.JobId);
        Assert.Equal($"step-{last.Draining.CheckpointStep:D8}", Path.GetFileName(saved));
        Assert.True(last.Draining.CheckpointStep > 2);
        Assert.DoesNotContain(
            gateway.Messages, message => message.KindCase == WorkerMessage.KindOneofCase.JobEnded);
    }
}
