using Workflows.Artifacts;
using Workflows.TestKit;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Host;
using Workflows.TpuWorker.Host.Devices;
using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Tests.Host;

public sealed class JobRunnerTests
{
    [Fact]
    public async Task Train_Adapter_WritesTheMergedModelAndTheAdapterAndSaysWhatWasUsed()
    {
        using var temporary = new TemporaryFolder();
        var job = TrainJob(temporary, 1, 6);
        job.Method = "lora";
        job.Lora = new LoraSettings { Rank = 2, Dropout = 0.1, Targets = { "q_proj", "v_proj" } };
        job.Pack = true;
        job.AccumulationSteps = 2;
        job.Schedule = "linear";
        job.ValidationFile = job.PairsFile;
        job.Validation = new ValidationSettings { EverySteps = 2 };
        job.Keep = "best";
        var told = new List<Progress>();

        var ended = await RunAsync(new Job { Train = job }, told.Add);

        Assert.True(ended.Succeeded, ended.ErrorMessage);
        var result = ended.TrainResult;
        Assert.Equal(("lora", "chat", "loss", 4, false), (
            result.Method, result.PromptTemplate, result.Metric, result.MicroBatchSize, result.StoppedEarly));
        Assert.Equal(result.BestStep, result.OutputStep);
        Assert.True(result.BestScore > 0);
        var tuned = Gemma3Checkpoint.Load(job.OutputDirectory);
        var adapter = LoraAdapter.Load(Path.Combine(job.OutputDirectory, "adapter"), tuned.Config);
        Assert.Equal((2, 4.0, LoraTargets.Query | LoraTargets.Value, 0.1), (
            adapter.Options.Rank, adapter.Options.Alpha, adapter.Options.Targets, adapter.Options.Dropout));
        Assert.Equal(adapter.ParameterCount, result.TrainedParameters);
        var merged = adapter.Merge(Gemma3Checkpoint.Load(job.ModelDirectory)).Parameters;
        Assert.All(merged, entry => Assert.Equal(entry.Value.Floats, tuned.Parameters[entry.Key].Floats));
        Assert.Contains(told, progress => progress.ValidationStep == 2 && progress.ValidationScore > 0);
        Assert.Equal(6, told[^1].CheckpointStep);
        Assert.True(File.Exists(Path.Combine(job.OutputDirectory, "tokenizer.json")));
        Assert.Equal(
            File.ReadAllText(Path.Combine(job.OutputDirectory, "translation.json")),
            File.ReadAllText(Path.Combine(job.OutputDirectory, "adapter", "translation.json")));
    }

    [Fact]
    public async Task Train_ChatOfABaseThatEndsWithTheTextAlone_ExportsTheEndOfATurnAndTheTemplate()
    {
        using var temporary = new TemporaryFolder();
        var job = TrainJob(temporary, 1);
        job.PromptTemplate = "chat";
        File.WriteAllText(Path.Combine(job.ModelDirectory, "adapter_config.json"), "{}");
        File.WriteAllText(Path.Combine(job.ModelDirectory, "generation_config.json"), """{"eos_token_id": [1]}""");

        var ended = await RunAsync(new Job { Train = job }, _ => { });

        Assert.True(ended.Succeeded, ended.ErrorMessage);
        var tuned = ModelFolder.Open(job.OutputDirectory);
        var endOfTurn = tuned.LoadTokenizer().EndOfTurnId;
        Assert.Equal([1, endOfTurn], tuned.Config.EndTokens);
        Assert.Equal(
            [1, endOfTurn],
            GenerationConfigFile.ReadEndTokens(Path.Combine(job.OutputDirectory, "generation_config.json")));
        Assert.Equal(ChatTemplate.OfGemma, tuned.Template);
        Assert.False(File.Exists(Path.Combine(job.OutputDirectory, "adapter_config.json")));
    }

    [Fact]
    public async Task Train_DamagedModel_IsRefusedWithTheCodeThatTheChecksBeforeRentingHave()
    {
        using var temporary = new TemporaryFolder();
        var job = TrainJob(temporary, 1);
        File.WriteAllText(Path.Combine(job.ModelDirectory, "config.json"), "{");

        var ended = await RunAsync(new Job { Train = job }, _ => { });

        Assert.Equal((false, "MODEL_FILES_DAMAGED"), (ended.Succeeded, ended.ErrorCode));
        Assert.Contains("config.json", ended.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_ChrfOfAPretrainedModel_UsesThePlainTemplate()
    {
        using var temporary = new TemporaryFolder();
        var job = TrainJob(temporary, 1);
        job.ValidationFile = job.PairsFile;
        job.Validation = new ValidationSettings { Metric = "chrf", EverySteps = 2, Patience = 1, MaxNewTokens = 4 };

        var ended = await RunAsync(new Job { Train = job }, _ => { });

        Assert.True(ended.Succeeded, ended.ErrorMessage);
        Assert.Equal(("full", "plain", "chrf"), (
            ended.TrainResult.Method, ended.TrainResult.PromptTemplate, ended.TrainResult.Metric));
        Assert.Equal(ended.TrainResult.Steps, ended.TrainResult.OutputStep);
        Assert.InRange(ended.TrainResult.BestScore, 0, 100);
    }

    [Fact]
    public async Task Train_Stopped_LeavesACheckpointAndGoesOnFromIt()
    {
        using var temporary = new TemporaryFolder();
        var job = TrainJob(temporary, 1, 6);
        using var stop = new CancellationTokenSource();

        var ended = await RunAsync(
            new Job { Train = job }, progress => Cancel(progress.Step == 1, stop), stop.Token);

        Assert.Equal("STOPPED", ended.ErrorCode);
        Assert.NotEmpty(Directory.GetDirectories(job.CheckpointDirectory, "step-*"));
        ended = await RunAsync(new Job { Train = job }, _ => { });
        Assert.True(ended.Succeeded, ended.ErrorMessage);
        Assert.True(ended.TrainResult.ResumedFromStep > 0);
    }

    [Theory]
    [InlineData("method", "model.input")]
    [InlineData("schedule", "model.input")]
    [InlineData("template", "model.input")]
    [InlineData("target", "model.input")]
    [InlineData("keep", "model.input")]
    [InlineData("metric", "model.input")]
    [InlineData("memory", "training.memory")]
    public async Task Train_BadSetting_IsRefusedWithACode(string setting, string code)
    {
        using var temporary = new TemporaryFolder();
        var job = TrainJob(temporary, 1, 6);
        switch (setting)
        {
            case "method":
                job.Method = "half";
                break;
            case "schedule":
                job.Schedule = "sawtooth";
                break;
            case "template":
                job.PromptTemplate = "round";
                break;
            case "target":
                (job.Method, job.Lora) = ("lora", new LoraSettings { Targets = { "lm_head" } });
                break;
            case "keep":
                job.Keep = "best";
                break;
            case "metric":
                (job.ValidationFile, job.Validation) = (job.PairsFile, new ValidationSettings { Metric = "taste" });
                break;
            default:
                job.MemoryLimitBytes = 1;
                break;
        }

        var ended = await RunAsync(new Job { Train = job }, _ => { });

        Assert.Equal((false, code), (ended.Succeeded, ended.ErrorCode));
    }

    [Theory]
    [InlineData(0, "", 0)]
    [InlineData(3, "truncate", 25)]
    public async Task Translate_GreedyAndBeams_WritesALineForEachPair(int beams, string longInput, int longest)
    {
        using var temporary = new TemporaryFolder();
        var job = TranslateJob(temporary);
        (job.BeamSize, job.LongInput, job.MaxPromptTokens) = (beams, longInput, longest);
        if (beams > 0)
        {
            job.LengthPenalty = 0.6;
        }

        var ended = await RunAsync(new Job { Translate = job }, _ => { });

        Assert.True(ended.Succeeded, ended.ErrorMessage);
        Assert.Equal(5, File.ReadAllLines(job.Models[0].OutputFile).Length);
        var used = ended.TranslateResult;
        Assert.Equal((Math.Max(1, beams), beams > 0 ? 0.6 : 1, "chat", longest > 0 ? 5 : 0), (
            used.BeamSize, used.LengthPenalty, used.PromptTemplate, used.Truncated));
        var sources = JobInput.ReadPairs(job.PairsFile).Sum(pair => pair.En.EnumerateRunes().Count());
        var decoded = Assert.Single(used.Decoded);
        Assert.Equal(("base", "en-ko", 5, sources), (
            decoded.Name, decoded.Direction, decoded.Texts, decoded.Characters));
        Assert.True(decoded.Seconds > 0, $"{decoded.Seconds} s");
    }

    [Fact]
    public async Task Translate_AnswersThatTheLimitCutsOff_AreListed()
    {
        using var temporary = new TemporaryFolder();
        var job = TranslateJob(temporary);
        var longer = TranslateJob(temporary);
        (longer.MaxNewTokens, longer.Models[0].OutputFile) = (200, temporary["longer.txt"]);

        await RunAsync(new Job { Translate = job }, _ => { });
        var ended = await RunAsync(new Job { Translate = longer }, _ => { });

        // An answer that goes on when it may was cut off before.
        Assert.True(ended.Succeeded, ended.ErrorMessage);
        var (cut, whole) = (File.ReadAllLines(temporary["out.txt"]), File.ReadAllLines(temporary["longer.txt"]));
        var listed = File.ReadAllLines(temporary["out.txt.unfinished"]).Select(int.Parse).ToArray();
        Assert.NotEmpty(listed);
        Assert.All(Enumerable.Range(1, 5).Except(listed), line => Assert.Equal(whole[line - 1], cut[line - 1]));
        Assert.Contains(listed, line => whole[line - 1] != cut[line - 1]);
    }

    [Theory]
    [InlineData("loss")]
    [InlineData("chrf")]
    public async Task Train_ValidationPairsThatAreTooLong_AreLeftOutAndCounted(string metric)
    {
        using var temporary = new TemporaryFolder();
        var job = TrainJob(temporary, 1, 6);
        job.ValidationFile = temporary["validation.jsonl"];
        job.Validation = new ValidationSettings { Metric = metric, EverySteps = 2, MaxNewTokens = 4 };
        var pairs = File.ReadAllLines(job.PairsFile);
        var words = string.Concat(Enumerable.Repeat("가나다라 ", 3000));
        File.WriteAllLines(
            job.ValidationFile, [pairs[0], $$"""{ "ko": "{{words}}", "en": "{{words}}" }""", pairs[1]]);

        var ended = await RunAsync(new Job { Train = job }, _ => { });

        Assert.True(ended.Succeeded, ended.ErrorMessage);
        Assert.Equal(1, ended.TrainResult.ValidationTooLong);
    }

    [Fact]
    public async Task Translate_TextThatIsTooLong_IsRefusedByItsNumber()
    {
        using var temporary = new TemporaryFolder();
        var job = TranslateJob(temporary);
        job.MaxPromptTokens = 10;

        var ended = await RunAsync(new Job { Translate = job }, _ => { });

        Assert.Equal("model.input", ended.ErrorCode);
        Assert.Contains("source text 1", ended.ErrorMessage, StringComparison.Ordinal);
    }

    private static Task<JobEnded> RunAsync(Job job, Action<Progress> report, CancellationToken stop = default) =>
        new JobRunner(
            "job", TimeProvider.System, new ProcessorDevice(TimeProvider.System),
            new JobFiles(new FileArtifactStore(), "unused"), report, TextWriter.Null).RunAsync(job, stop);

    private static void Cancel(bool now, CancellationTokenSource stop)
    {
        if (now)
        {
            stop.Cancel();
        }
    }

    private static TrainJob TrainJob(TemporaryFolder temporary, params int[] endTokens)
    {
        Samples.WriteModel(temporary["model"], endTokens);
        Samples.WritePairs(temporary["pairs.jsonl"], 12);
        return new TrainJob
        {
            ModelDirectory = temporary["model"],
            PairsFile = temporary["pairs.jsonl"],
            Direction = "ko-en",
            CheckpointDirectory = temporary["checkpoints"],
            OutputDirectory = temporary["tuned"],
            Steps = 6,
            BatchSize = 4,
            LearningRate = 1e-3,
            MaxLength = 64,
            CheckpointEverySteps = 3,
            PromptStyle = "brief",
        };
    }

    private static TranslateJob TranslateJob(TemporaryFolder temporary)
    {
        Samples.WriteModel(temporary["model"], 1, 6);
        Samples.WritePairs(temporary["pairs.jsonl"], 5);
        return new TranslateJob
        {
            Models =
            {
                new TranslateJob.Types.Model
                {
                    Name = "base", Directory = temporary["model"], OutputFile = temporary["out.txt"],
                },
            },
            PairsFile = temporary["pairs.jsonl"],
            Direction = "en-ko",
            MaxNewTokens = 6,
            BatchSize = 4,
            PromptStyle = "brief",
        };
    }
}
