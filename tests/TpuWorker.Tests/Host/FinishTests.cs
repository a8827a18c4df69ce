using Workflows.Artifacts;
using Workflows.TestKit;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Host;
using Workflows.TpuWorker.Host.Devices;
using Workflows.TpuWorker.Protocol;
using Workflows.TpuWorker.Tests.Gemma3;

namespace Workflows.TpuWorker.Tests.Host;

/// <summary>A training that is told to end early leaves the model of its newest step.</summary>
public sealed class FinishTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Finish_WhileTraining_EndsWithTheNewestStepAsAResult()
    {
        var job = TrainJob(100_000);
        JobRunner? runner = null;
        runner = Runner(progress => Do(progress.Step >= 5, () => runner!.Finish(2)));

        var ended = await runner.RunAsync(new Job { Train = job }, Cancellation);

        Assert.True(ended.Succeeded, ended.ErrorMessage);
        var result = ended.TrainResult;
        Assert.True(result.FinishedEarly);
        Assert.False(result.StoppedEarly);
        Assert.InRange(result.Steps, 5, 1000);
        Assert.Equal((result.Steps, 0), (result.OutputStep, result.ResumedFromStep));
        Assert.True(result.FinalLoss > 0 && result.TokensPerSecond > 0 && result.Seconds > 0, $"{result}");

        // The weights are those of the last checkpoint, and not those of the base model.
        var tuned = Gemma3Checkpoint.Load(job.OutputDirectory).Parameters["model.norm.weight"].Floats;
        Assert.NotEqual(
            Gemma3Checkpoint.Load(job.ModelDirectory).Parameters["model.norm.weight"].Floats, tuned);
        Assert.Equal(result.Steps, CheckpointUploads.NewestIn(job.CheckpointDirectory));
    }

    [Theory]
    [InlineData(2, 4)]
    [InlineData(6, 6)]
    [InlineData(9, 6)]
    public async Task JobWithAnEnd_GoesOnFromItsCheckpointToThatStepAndNoFurther(int after, int steps)
    {
        var job = TrainJob(4);
        await Runner(_ => { }).RunAsync(new Job { Train = job }, Cancellation);
        (job.Steps, job.FinishAfterStep) = (6, after);
        job.EarlierSteps.Add(4);

        var ended = await Runner(_ => { }).RunAsync(new Job { Train = job }, Cancellation);

        Assert.True(ended.Succeeded, ended.ErrorMessage);
        Assert.Equal((steps, 4, steps < 6), (
            ended.TrainResult.Steps, ended.TrainResult.ResumedFromStep, ended.TrainResult.FinishedEarly));
    }

    [Fact]
    public async Task Finish_BeforeTheTrainingBegins_TakesOneStepAtLeast()
    {
        var runner = Runner(_ => { });
        runner.Finish(0);
        runner.Finish(3);

        var ended = await runner.RunAsync(new Job { Train = TrainJob(100_000) }, Cancellation);

        Assert.True(ended.Succeeded, ended.ErrorMessage);
        Assert.Equal((1, true), (ended.TrainResult.Steps, ended.TrainResult.FinishedEarly));
    }

    [Fact]
    public async Task FinishOrder_WhileItsJobBegins_IsNotLost()
    {
        var runner = Runner(_ => { });
        var orders = new FinishOrders();
        orders.Give(new FinishJob { JobId = "job", AfterStep = 2 }, () =>
        {
            // The job becomes the current one in this moment, after the order came.
            orders.Pass(runner);
            return null;
        });

        var ended = await runner.RunAsync(new Job { Train = TrainJob(6) }, Cancellation);

        Assert.Equal((2, true), (ended.TrainResult.Steps, ended.TrainResult.FinishedEarly));
    }

    [Fact]
    public async Task Stop_AfterFinish_StopsTheJob()
    {
        using var stop = new CancellationTokenSource();
        JobRunner? runner = null;
        runner = Runner(progress => Do(progress.Step >= 3, () =>
        {
            runner!.Finish(50);
            stop.Cancel();
        }));

        var ended = await runner.RunAsync(new Job { Train = TrainJob(100_000) }, stop.Token);

        Assert.Equal((false, "STOPPED"), (ended.Succeeded, ended.ErrorCode));
    }

    [Fact]
    public void Tuner_ThatEndsEarly_HasTheBitsOfTheLongTrainingAtThatStep()
    {
        var model = Gemma3Checkpoint.CreateRandom(Models.Tiny with { InitializerRange = 0.2 }, 4);
        var seen = Array.Empty<float>();
        using var whole = new FineTuner(model, Options(null), Examples());
        whole.Run(_folder["whole"], step => Do(step.Step == 4, () => seen = Norm(whole)), default);
        using var early = new FineTuner(model, Options(4), Examples());

        var result = early.Run(_folder["early"], _ => { }, default);

        Assert.Equal((4, true, false), (result.Steps, result.FinishedEarly, result.StoppedEarly));
        Assert.NotEmpty(seen);
        Assert.Equal(seen, Norm(early));
    }

    [Fact]
    public async Task Worker_ToldToFinish_EndsItsJobWithSuccess()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var gateway = new FakeGateway(
            new Job { JobId = "train@node", Train = TrainJob(100_000) },
            message => Do(message.JobEnded is not null, stop.Cancel))
        {
            Answer = message => message.Progress is { Step: >= 3 } progress
                ? new GatewayMessage { FinishJob = new FinishJob { JobId = progress.JobId, AfterStep = progress.Step } }
                : null,
        };
        var (application, address) = await gateway.StartAsync();
        await using var _ = application;
        using var metadata = new MetadataServer("127.0.0.1:1");
        using var log = new WorkerLog(TextWriter.Null);
        using var worker = new Worker(
            new WorkerIdentity("run", "node", address, "secret"), metadata, new ProcessorDevice(TimeProvider.System),
            new JobFiles(new FileArtifactStore(), _folder["files"]), TimeProvider.System, log);

        Assert.Equal(ExitCodes.Stopped, await worker.RunAsync(stop.Token));

        var end = gateway.Messages.First(message => message.JobEnded is not null).JobEnded;
        Assert.True(end.Succeeded, end.ErrorMessage);
        Assert.True(end.TrainResult.FinishedEarly);
        Assert.InRange(end.TrainResult.Steps, 3, 99_999);
    }

    private static float[] Norm(FineTuner tuner) =>
        [.. tuner.CreateCheckpoint().Parameters["model.norm.weight"].Floats];

    private static void Do(bool now, Action act)
    {
        if (now)
        {
            act();
        }
    }

    private static FineTuneOptions Options(int? finishAfter) => new()
    {
        Steps = 8,
        BatchSize = 2,
        LearningRate = 1e-2,
        MaxLength = 64,
        FinishAfterStep = finishAfter,
    };

    private static TrainingExample[] Examples() =>
        [.. Enumerable.Range(0, 6).Select(at => new TrainingExample([2, 3 + at, 5, 6 + at, 1], 2))];

    private static JobRunner Runner(Action<Progress> report) => new(
        "job", TimeProvider.System, new ProcessorDevice(TimeProvider.System),
        new JobFiles(new FileArtifactStore(), "unused"), report, TextWriter.Null);

    private TrainJob TrainJob(int steps)
    {
        Samples.WriteModel(_folder["model"], 1, 6);
        Samples.WritePairs(_folder["pairs.jsonl"], 12);
        return new TrainJob
        {
            ModelDirectory = _folder["model"],
            PairsFile = _folder["pairs.jsonl"],
            Direction = "ko-en",
            CheckpointDirectory = _folder["checkpoints"],
            OutputDirectory = _folder["tuned"],
            Steps = steps,
            BatchSize = 4,
            LearningRate = 1e-3,
            MaxLength = 64,
            CheckpointEverySteps = 3,
            PromptStyle = "brief",
        };
    }
}
