using Workflows.Artifacts;
using Workflows.TestKit;
using Workflows.TpuWorker.Host;
using Workflows.TpuWorker.Host.Devices;
using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Tests.Host;

/// <summary>Jobs whose places are a bucket: a worker that shares no folder with anybody.</summary>
public sealed class JobArtifactsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Train_OverABucket_GivesTheWeightsOfATrainingOverAFolder()
    {
        var job = await JobAsync(new BucketInAFolder(_folder["bucket"]));
        job.Method = "lora";
        job.Lora = new LoraSettings { Rank = 2 };
        job.BaseModel = "hf://google/gemma-3-1b-it";
        var expected = await OverAFolderAsync(job);

        var ended = await RunAsync(job, "vm", new BucketInAFolder(_folder["bucket"]));

        Assert.True(ended.Succeeded, ended.ErrorMessage);
        Assert.Equal(expected, await TunedAsync());

        // All that was read from the bucket, and at least what it has kept of what was written.
        var (inputs, results) = (BytesOf("models", "run/train.jsonl"), BytesOf("run/tuned", "run/checkpoints"));
        Assert.InRange(ended.BytesRead, inputs, inputs + 100_000);
        Assert.InRange(ended.BytesWritten, results, 2 * results);
        var tree = await new ArtifactTree(new BucketInAFolder(_folder["bucket"]))
            .FindAsync(BucketInAFolder.Uri("run/tuned"), Cancellation);
        Assert.Contains("translation.json", tree!.Files.Keys);
        Assert.Contains("adapter/adapter_model.safetensors", tree.Files.Keys);
        Assert.Contains("hf://google/gemma-3-1b-it", await File.ReadAllTextAsync(
            Path.Combine(_folder["bucket"], "test-bucket/run/tuned/adapter/adapter_config.json"), Cancellation),
            StringComparison.Ordinal);
        await NothingIsUnreachableAsync();
    }

    /// <summary>A node may pass to another run: the disk still has the checkpoints of the one before.</summary>
    [Fact]
    public async Task Train_ForAnotherRunOnTheSameVm_BeginsAnewAndLeavesNothingOfTheFirst()
    {
        var job = await JobAsync(new BucketInAFolder(_folder["bucket"]));
        var first = await RunAsync(job, "vm", new BucketInAFolder(_folder["bucket"]));
        var other = job.Clone();
        (other.Seed, other.LearningRate) = (job.Seed + 1, job.LearningRate / 2);
        other.CheckpointDirectory = BucketInAFolder.Uri("other/checkpoints").ToText();
        other.OutputDirectory = BucketInAFolder.Uri("other/tuned").ToText();

        var second = await RunAsync(other, "vm", new BucketInAFolder(_folder["bucket"]));

        Assert.True(first.Succeeded, first.ErrorMessage);
        Assert.True(second.Succeeded, second.ErrorMessage);
        Assert.Equal((0, job.Steps), (second.TrainResult.ResumedFromStep, second.TrainResult.Steps));
        Assert.Single(Directory.GetDirectories(_folder["vm/checkpoints"]));
        Assert.Single(Directory.GetDirectories(_folder["vm/tuned"]));
    }

    /// <summary>A disk of 100 GB holds few tuned models of several gigabytes.</summary>
    [Fact]
    public async Task Jobs_OfOneRunAfterTheOther_KeepTheModelsAndFilesOfTheNewestJobAlone()
    {
        var bucket = new BucketInAFolder(_folder["bucket"]);
        var train = await JobAsync(bucket);
        await bucket.WriteBytesAsync(
            BucketInAFolder.Uri("run/test.jsonl"), await File.ReadAllBytesAsync(_folder["pairs.jsonl"], Cancellation),
            WriteCondition.None, Cancellation);
        var translate = new TranslateJob
        {
            Models =
            {
                new TranslateJob.Types.Model
                {
                    Name = "base", Directory = train.ModelDirectory, OutputFile = "gs://test-bucket/run/base.txt",
                },
                new TranslateJob.Types.Model
                {
                    Name = "tuned", Directory = train.OutputDirectory, OutputFile = "gs://test-bucket/run/tuned.txt",
                },
            },
            PairsFile = "gs://test-bucket/run/test.jsonl",
            Direction = "en-ko",
            MaxNewTokens = 4,
            BatchSize = 4,
            PromptStyle = "brief",
        };
        var other = train.Clone();
        other.CheckpointDirectory = BucketInAFolder.Uri("other/checkpoints").ToText();
        other.OutputDirectory = BucketInAFolder.Uri("other/tuned").ToText();

        Assert.True((await RunAsync(train, "vm", bucket)).Succeeded);
        var basis = Assert.Single(Directory.GetDirectories(_folder["vm/models"]));
        var ended = await RunnerOf("vm", bucket).RunAsync(new Job { Translate = translate }, Cancellation);
        Assert.True(ended.Succeeded, ended.ErrorMessage);
        Assert.Equal(2, Directory.GetDirectories(_folder["vm/models"]).Length);
        Assert.Single(Directory.GetDirectories(_folder["vm/files"]));

        ended = await RunAsync(other, "vm", bucket);

        Assert.True(ended.Succeeded, ended.ErrorMessage);
        Assert.Equal([basis], Directory.GetDirectories(_folder["vm/models"]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(9)]
    [InlineData(12)]
    [InlineData(14)]
    [InlineData(18)]
    public async Task Train_WhoseMachineIsLostAtAnyWrite_GoesOnElsewhereFromTheBucketAlone(int writes)
    {
        var job = await JobAsync(new BucketInAFolder(_folder["bucket"]));
        var expected = await OverAFolderAsync(job);

        var lost = await RunAsync(job, "lost-vm", new BucketInAFolder(_folder["bucket"], writes));
        var ended = await RunAsync(job, "other-vm", new BucketInAFolder(_folder["bucket"]));

        Assert.Equal("ARTIFACT_UNAVAILABLE", lost.ErrorCode);
        Assert.True(ended.Succeeded, ended.ErrorMessage);
        Assert.Equal(expected, await TunedAsync());
        Assert.Equal(writes >= 6, ended.TrainResult.ResumedFromStep > 0);
        await NothingIsUnreachableAsync();
    }

    /// <summary>The training is done, so that the next machine uploads no checkpoint after which it would delete
    /// others.</summary>
    [Fact]
    public async Task Train_WhoseMachineIsLostBeforeItDeletesAnOldCheckpoint_LeavesNoneTooMany()
    {
        var job = await JobAsync(new BucketInAFolder(_folder["bucket"]));
        Assert.True((await RunAsync(job, "vm", new BucketInAFolder(_folder["bucket"]))).Succeeded);
        var checkpoints = Path.Combine(_folder["bucket"], "test-bucket/run/checkpoints");
        var old = Path.Combine(checkpoints, "step-00000001");
        Directory.CreateDirectory(old);
        foreach (var file in Directory.GetFiles(Directory.GetDirectories(checkpoints).Order().ElementAt(1)))
        {
            File.Copy(file, Path.Combine(old, Path.GetFileName(file)));
        }

        Assert.True((await RunAsync(job, "other-vm", new BucketInAFolder(_folder["bucket"]))).Succeeded);

        Assert.False(Directory.Exists(old) && Directory.EnumerateFiles(old).Any());
        await NothingIsUnreachableAsync();
    }

    [Fact]
    public async Task Train_Stopped_BringsItsLastStepToTheBucketAndCountsItOnlyThen()
    {
        var job = await JobAsync(new BucketInAFolder(_folder["bucket"]));
        var expected = await OverAFolderAsync(job);
        using var stop = new CancellationTokenSource();
        var told = new List<Progress>();

        var ended = await RunAsync(job, "vm", new BucketInAFolder(_folder["bucket"]), progress =>
        {
            told.Add(progress);
            if (progress.Step == 1)
            {
                stop.Cancel();
            }
        }, stop.Token);
        var next = await RunAsync(job, "other-vm", new BucketInAFolder(_folder["bucket"]));

        Assert.Equal("STOPPED", ended.ErrorCode);
        Assert.All(told, progress => Assert.True(progress.CheckpointStep <= progress.Step));
        Assert.InRange(next.TrainResult.ResumedFromStep, 1, 5);
        Assert.Equal(expected, await TunedAsync());
    }

    [Fact]
    public async Task Train_WithADamagedNewestCheckpoint_GoesOnFromAnOlderOne()
    {
        var job = await JobAsync(new BucketInAFolder(_folder["bucket"]));
        var expected = await OverAFolderAsync(job);
        Assert.True((await RunAsync(job, "vm", new BucketInAFolder(_folder["bucket"]))).Succeeded);
        await new BucketInAFolder(_folder["bucket"]).WriteBytesAsync(
            BucketInAFolder.Uri("run/checkpoints/step-00000006/weights.safetensors"), [1, 2, 3], WriteCondition.None,
            Cancellation);

        var ended = await RunAsync(job, "other-vm", new BucketInAFolder(_folder["bucket"]));

        Assert.True(ended.Succeeded, ended.ErrorMessage);
        Assert.True(ended.TrainResult.ResumedFromStep < 6);
        Assert.Equal(expected, await TunedAsync());
    }

    [Fact]
    public async Task Train_OfAModelThatIsNotThere_SaysWhatIsMissing()
    {
        var job = await JobAsync(new BucketInAFolder(_folder["bucket"]));
        job.ModelDirectory = "gs://test-bucket/nothing";

        var ended = await RunAsync(job, "vm", new BucketInAFolder(_folder["bucket"]));

        Assert.Equal("ARTIFACT_NOT_FOUND", ended.ErrorCode);
        Assert.Contains("gs://test-bucket/nothing", ended.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Translate_OverABucket_WritesEachOutputOnce()
    {
        var bucket = new BucketInAFolder(_folder["bucket"]);
        var train = await JobAsync(bucket);
        var job = new TranslateJob
        {
            Models =
            {
                new TranslateJob.Types.Model
                {
                    Name = "base", Directory = train.ModelDirectory, OutputFile = "gs://test-bucket/run/out.txt",
                },
            },
            PairsFile = train.PairsFile,
            Direction = "en-ko",
            MaxNewTokens = 4,
            BatchSize = 4,
            PromptStyle = "brief",
        };

        var first = await RunnerOf("vm", bucket).RunAsync(new Job { Translate = job }, Cancellation);
        var before = await bucket.FindAsync(BucketInAFolder.Uri("run/out.txt"), Cancellation);
        var second = await RunnerOf("vm-2", bucket).RunAsync(new Job { Translate = job }, Cancellation);

        Assert.True(first.Succeeded && second.Succeeded, first.ErrorMessage + second.ErrorMessage);
        Assert.Equal(before, await bucket.FindAsync(BucketInAFolder.Uri("run/out.txt"), Cancellation));
        Assert.Equal((true, 0), (first.TranslateResult.Tokens > 0, second.TranslateResult.Tokens));
        Assert.Equal((1, 0), (first.TranslateResult.Decoded.Count, second.TranslateResult.Decoded.Count));
        Assert.Equal(12, File.ReadAllLines(Path.Combine(_folder["bucket"], "test-bucket/run/out.txt")).Length);
    }

    /// <summary>Counts the bytes of files and folders of the bucket.</summary>
    private long BytesOf(params string[] names) => names
        .Select(name => Path.Combine(_folder["bucket"], "test-bucket", name))
        .SelectMany(path => File.Exists(path)
            ? [path] : Directory.GetFiles(path, "*", SearchOption.AllDirectories))
        .Sum(path => new FileInfo(path).Length);

    private JobRunner RunnerOf(string machine, IArtifactStore store, Action<Progress>? report = null) => new(
        "job", TimeProvider.System, new ProcessorDevice(TimeProvider.System), new JobFiles(store, _folder[machine]),
        report ?? (_ => { }), TextWriter.Null);

    private Task<JobEnded> RunAsync(
        TrainJob job, string machine, IArtifactStore store, Action<Progress>? report = null,
        CancellationToken stop = default) => RunnerOf(machine, store, report).RunAsync(new Job { Train = job }, stop);

    /// <summary>Six steps with a checkpoint every two.</summary>
    private async Task<TrainJob> JobAsync(BucketInAFolder bucket)
    {
        Samples.WriteModel(_folder["model"], 1, 6);
        Samples.WritePairs(_folder["pairs.jsonl"], 12);
        var model = await new ArtifactTree(bucket).WriteByContentAsync(
            BucketInAFolder.Uri("models"), _folder["model"], TextModelFiles.IsNeeded, Cancellation);
        await bucket.WriteBytesAsync(
            BucketInAFolder.Uri("run/train.jsonl"), await File.ReadAllBytesAsync(_folder["pairs.jsonl"], Cancellation),
            WriteCondition.None, Cancellation);
        return new TrainJob
        {
            ModelDirectory = $"{model.Tree}",
            PairsFile = "gs://test-bucket/run/train.jsonl",
            Direction = "ko-en",
            CheckpointDirectory = "gs://test-bucket/run/checkpoints",
            OutputDirectory = "gs://test-bucket/run/tuned",
            Steps = 6,
            BatchSize = 4,
            LearningRate = 1e-3,
            MaxLength = 64,
            CheckpointEverySteps = 2,
            PromptStyle = "brief",
        };
    }

    private async Task<byte[]> OverAFolderAsync(TrainJob job)
    {
        var local = job.Clone();
        (local.ModelDirectory, local.PairsFile) = (_folder["model"], _folder["pairs.jsonl"]);
        local.ValidationFile = job.ValidationFile.Length > 0 ? local.PairsFile : "";
        (local.CheckpointDirectory, local.OutputDirectory) = (_folder["local-checkpoints"], _folder["local-tuned"]);
        var ended = await RunAsync(local, "local", new FileArtifactStore());
        Assert.True(ended.Succeeded, ended.ErrorMessage);
        return await File.ReadAllBytesAsync(
            Path.Combine(local.OutputDirectory, "model.safetensors"), Cancellation);
    }

    private Task<byte[]> TunedAsync() => File.ReadAllBytesAsync(
        Path.Combine(_folder["bucket"], "test-bucket/run/tuned/model.safetensors"), Cancellation);

    private async Task NothingIsUnreachableAsync()
    {
        var tree = new ArtifactTree(new BucketInAFolder(_folder["bucket"]));
        var root = BucketInAFolder.Uri("run/checkpoints");
        var steps = await tree.ListAsync(root, Cancellation);
        Assert.Equal(root.Child("step-00000006"), steps[^1]);
        Assert.InRange(steps.Count, 1, 2);
        Assert.Empty(await tree.UnreachableAsync(root, Cancellation));
        Assert.Empty(await tree.UnreachableAsync(BucketInAFolder.Uri("run/tuned"), Cancellation));
    }
}
