using System.Security.Cryptography;
using Workflows.ModelFiles;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Protocol;
using Workflows.Translation;
using Workflows.Translation.Metrics;

namespace Workflows.TpuWorker.Host.Devices;

/// <summary>The numeric work of jobs, on any executor and in any process.</summary>
internal static class TrainWork
{
    private const int DefaultNewTokens = 256;
    private const string AdapterFolder = "adapter";

    /// <summary>Threads of the processor's loops.</summary>
    public static readonly int Threads = Math.Max(1, Environment.ProcessorCount);

    /// <summary>Trains, and writes the tuned model into the job's output folder.</summary>
    /// <param name="job">The job, with folders of this machine.</param>
    /// <param name="executor">Computes.</param>
    /// <param name="clock">Measures rates.</param>
    /// <param name="onStep">Called after every step.</param>
    /// <param name="stop">Stops the training after a checkpoint of the last complete step.</param>
    public static TrainResult Run(
        TrainJob job, Executor executor, TimeProvider clock, Action<TrainingProgress> onStep, CancellationToken stop)
    {
        var directions = JobInput.Directions(job.Direction);
        Prompts[] prompts =
        [
            .. directions.Select(each => Prompts.Load(
                job.ModelDirectory, each, job.PromptStyle, job.PromptTemplate)),
        ];
        var options = TrainSettings.Options(job, Threads);

        // Checked before the weights are loaded: a model too large to load would end the process without a message.
        var config = Gemma3Checkpoint.ReadConfig(job.ModelDirectory);
        executor.RequireMemory(config, options);
        var (validation, tooLong) = Validation(job, prompts, config);
        var begun = clock.GetTimestamp();
        var meter = new TrainingMeter(clock);
        using var tuner = new FineTuner(
            Gemma3Checkpoint.Load(job.ModelDirectory), options,
            Examples(JobInput.ReadPairs(job.PairsFile), prompts), validation, executor);
        var result = tuner.Run(job.CheckpointDirectory, step =>
        {
            meter.Count(step);
            onStep(step);
        }, stop);
        SaveTuned(tuner.CreateCheckpoint(), prompts[0], job.OutputDirectory);
        var card = new TranslationCard(directions, job.PromptStyle, JobInput.Name(prompts[0].Template));
        card.Write(job.OutputDirectory);
        if (options.Lora is not null)
        {
            var adapter = Path.Combine(job.OutputDirectory, AdapterFolder);
            tuner.CreateAdapter().Save(adapter, job.BaseModel);
            card.Write(adapter);
        }

        return new TrainResult
        {
            Steps = result.Steps,
            ResumedFromStep = result.ResumedFromStep,
            Tokens = result.Tokens,
            TokensPerSecond = meter.TokensPerSecond,
            FirstLoss = result.FirstLoss,
            FinalLoss = meter.RecentLoss ?? result.FinalLoss,
            Seconds = clock.GetElapsedTime(begun).TotalSeconds,
            TooLong = result.SkippedExamples,
            Method = options.Lora is null ? "full" : "lora",
            PromptTemplate = JobInput.Name(prompts[0].Template),
            MicroBatchSize = result.PassSize,
            TrainedParameters = result.TrainedParameters,
            OutputStep = result.OutputStep,
            StoppedEarly = result.StoppedEarly,
            FinishedEarly = result.FinishedEarly,
            BestScore = result.BestScore ?? 0,
            BestStep = result.BestStep,
            Metric = validation?.Metric ?? "",
            ValidationTooLong = tooLong,
        };
    }

    /// <summary>Continues prompts with a model of a folder.</summary>
    public static int[][] Decode(DecodeWork work, Executor executor, Action<int> onCompleted, CancellationToken stop)
    {
        using var decoder = executor.CreateDecoder(Gemma3Checkpoint.Load(work.Model));
        return decoder.Generate(work.Prompts, work.Options, onCompleted, stop);
    }

    /// <summary>
    /// Writes the end token of answers into the model's own files, since other tools use them and would otherwise not
    /// stop at a turn's end.
    /// </summary>
    private static void SaveTuned(Gemma3Checkpoint tuned, Prompts prompts, string directory) =>
        tuned.WithEndToken(prompts.EndOfAnswer).Save(
            directory, chatTemplate: prompts.Template == PromptTemplate.Chat ? ChatTemplate.OfGemma : null);

    private static (TrainingValidation? Validation, int TooLong) Validation(
        TrainJob job, Prompts[] prompts, Gemma3Config config)
    {
        var keepsBest = TrainSettings.KeepsBest(job);
        if (job.ValidationFile.Length == 0)
        {
            return (null, 0);
        }

        var settings = job.Validation ?? new ValidationSettings();
        var pairs = JobInput.ReadPairs(job.ValidationFile).ToArray();
        var every = settings.EverySteps > 0 ? settings.EverySteps : Math.Max(1, job.CheckpointEverySteps);
        int? patience = settings.Patience > 0 ? settings.Patience : null;
        if (!TrainSettings.MeasuresChrf(settings))
        {
            var all = Examples(pairs, prompts);
            var examples = Within(all, example => example.Tokens.Length, job.MaxLength, "examples");
            return (
                TrainingValidation.OfLoss(examples, every, patience, keepsBest), all.Length - examples.Length);
        }

        var longest = settings.MaxNewTokens > 0 ? settings.MaxNewTokens : DefaultNewTokens;
        var within = Within(
            pairs, pair => prompts.Max(prompt => prompt.Prompt(pair).Length), config.MaxPositions - longest, "pairs");
        var identity = $"{Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(job.ValidationFile)))} {longest}";
        var validation = TrainingValidation.OfScore(
            "chrf", $"{identity} {job.Direction}",
            (model, stop) => ChrfOf(model, prompts, within, longest, stop), every, patience, keepsBest);
        return (validation, pairs.Length - within.Length);
    }

    /// <summary>Keeps the pairs that are short enough to be measured.</summary>
    private static T[] Within<T>(T[] all, Func<T, int> length, int limit, string what)
    {
        var within = Array.FindAll(all, each => length(each) <= limit);
        return within.Length > 0
            ? within
            : throw new ModelInputException(
                "validation file", $"has {all.Length} {what}, none within {limit} tokens; give shorter ones, or none");
    }

    private static TrainingExample[] Examples(IEnumerable<SentencePair> pairs, Prompts[] prompts) =>
        [.. pairs.SelectMany(pair => prompts.Select(prompt => prompt.Example(pair)))];

    /// <summary>Returns the mean over the directions.</summary>
    private static double ChrfOf(
        IMeasuredModel model, Prompts[] prompts, SentencePair[] pairs, int longest, CancellationToken stop)
    {
        using var decoder = model.CreateDecoder();
        return prompts.Average(direction =>
        {
            var options = new DecodeOptions { MaxNewTokens = longest, StopTokens = direction.StopTokens };
            var answers = decoder.Generate([.. pairs.Select(direction.Prompt)], options, null, stop);
            return new Chrf().ScoreCorpus(
                [.. answers.Select(direction.Answer)], [.. pairs.Select(direction.Target)]).Score;
        });
    }
}
