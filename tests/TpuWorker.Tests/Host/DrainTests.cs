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

    /// <summary>The gateway is behind, and ends the stream when it has read all: the worker waits for that.</summary>
    [Fact]
    public async Task RunAsync_ToldToStopInAJob_SavesItAndSaysTheLastCheckpointAndNoEnd()
    {
        var release = new TaskCompletionSource();
        var clock = new HeldFarewell();
        using var stop = new CancellationTokenSource();
        var gateway = Gateway(stop, release.Task);

        var running = RunAsync(gateway, clock, stop.Token);
        await gateway.AllRead.WaitAsync(Cancellation);
        await clock.Armed.WaitAsync(Cancellation);

        Assert.False(running.IsCompleted);
        release.SetResult();
        Assert.Equal(ExitCodes.Stopped, await running);

        await gateway.Ended.WaitAsync(Cancellation);
        Assert.False(gateway.WasCutOff);
        var last = gateway.Messages.Last(message => message.KindCase == WorkerMessage.KindOneofCase.Draining);
        var saved = Assert.Single(Directory.GetDirectories(
            Path.Combine(_folder["bucket"], "test-bucket", "checkpoints")));
        Assert.Equal("train@node", last.Draining.JobId);
        Assert.Equal($"step-{last.Draining.CheckpointStep:D8}", Path.GetFileName(saved));
        Assert.True(last.Draining.CheckpointStep > 2);
        Assert.DoesNotContain(
            gateway.Messages, message => message.KindCase == WorkerMessage.KindOneofCase.JobEnded);
    }

    /// <summary>A gateway that never ends the stream does not keep the worker of a VM that ends.</summary>
    [Fact]
    public async Task RunAsync_ToldToStopBesideAGatewayThatHangs_EndsAfterTheFarewell()
    {
        var clock = new HeldFarewell();
        using var stop = new CancellationTokenSource();
        var gateway = Gateway(stop, new TaskCompletionSource().Task);

        var running = RunAsync(gateway, clock, stop.Token);
        await gateway.AllRead.WaitAsync(Cancellation);
        await clock.Armed.WaitAsync(Cancellation);
        Assert.False(running.IsCompleted);
        clock.Fire();

        Assert.Equal(ExitCodes.Stopped, await running);
        await gateway.Ended.WaitAsync(Cancellation);
        Assert.True(gateway.WasCutOff);
    }

    private FakeGateway Gateway(CancellationTokenSource stop, Task hold)
    {
        Samples.WriteModel(_folder["model"], 1, 6);
        Samples.WritePairs(_folder["pairs.jsonl"], 12);
        return new FakeGateway(
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
            })
        {
            Hold = hold,
        };
    }

    private async Task<int> RunAsync(FakeGateway gateway, TimeProvider clock, CancellationToken told)
    {
        var (application, address) = await gateway.StartAsync();
        await using var _ = application;
        using var metadata = new MetadataServer("127.0.0.1:1");
        using var log = new WorkerLog(TextWriter.Null);
        using var worker = new Worker(
            new WorkerIdentity("run", "node", address, "secret"), metadata,
            new ProcessorDevice(TimeProvider.System),
            new JobFiles(new BucketInAFolder(_folder["bucket"]), _folder["vm"]), clock, log);
        return await worker.RunAsync(told);
    }

    /// <summary>This machine's time, but for the farewell, which ends when a test says so.</summary>
    private sealed class HeldFarewell : TimeProvider
    {
        private readonly TaskCompletionSource _armed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private Action _fire = () => { };

        public Task Armed => _armed.Task;

        public void Fire() => _fire();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime != Worker.Farewell)
            {
                return base.CreateTimer(callback, state, dueTime, period);
            }

            _fire = () => callback(state);
            _armed.TrySetResult();
            return base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }
}
