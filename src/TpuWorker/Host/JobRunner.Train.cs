using System.Security.Cryptography;
using Workflows.ModelFiles;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Protocol;
using Workflows.Translation;
using Workflows.Translation.Metrics;

namespace Workflows.TpuWorker.Host;

/// <summary>Training.</summary>
internal sealed partial class JobRunner
{
    private const int DefaultNewTokens = 256;
    private const string AdapterFolder = "adapter";

    private int _validationTooLong;

    private TrainResult Train(TrainJob job, CancellationToken stop)
    {
        var directions = Directions(job.Direction);
        Prompts[] prompts =
        [
            .. directions.Select(each => Prompts.Load(
                job.ModelDirectory, each, job.PromptStyle, job.PromptTemplate)),
        ];
        var options = TrainSettings.Options(job, Threads);

        // Before the weights are loaded: a model too large to load would end the process without a word.
        var config = Gemma3Checkpoint.ReadConfig(job.ModelDirectory);
        FineTuner.RequireMemory(config, options);
        var validation = Validation(job, prompts, config);
        var begun = clock.GetTimestamp();
        var meter = new TrainingMeter(clock);
        using var tuner = new FineTuner(
            Gemma3Checkpoint.Load(job.ModelDirectory), options,
            Examples(ReadPairs(job.PairsFile), prompts), validation);
        var result = tuner.Run(job.CheckpointDirectory, step => Tell(step, meter, stop), stop);
        SaveTuned(tuner.CreateCheckpoint(), prompts[0], job.OutputDirectory);
        var card = new TranslationCard(directions, job.PromptStyle, Name(prompts[0].Template));
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
            PromptTemplate = Name(prompts[0].Template),
            MicroBatchSize = result.PassSize,
            TrainedParameters = result.TrainedParameters,
            OutputStep = result.OutputStep,
            StoppedEarly = result.StoppedEarly,
            BestScore = result.BestScore ?? 0,
            BestStep = result.BestStep,
            Metric = validation?.Metric ?? "",
            ValidationTooLong = _validationTooLong,
        };
    }

    /// <summary>
    /// Says in the model's own files how its answers end: other tools go by them, and would never stop at a turn's end
    /// that only this worker knows of.
    /// </summary>
    private static void SaveTuned(Gemma3Checkpoint tuned, Prompts prompts, string directory) =>
        tuned.WithEndToken(prompts.EndOfAnswer).Save(
            directory, chatTemplate: prompts.Template == PromptTemplate.Chat ? ChatTemplate.OfGemma : null);

    private void Tell(TrainingProgress step, TrainingMeter meter, CancellationToken stop)
    {
        meter.Count(step);
        if (step.CheckpointPath is { } path)
        {
            _uploads?.Add(path, step.CheckpointStep, stop);
        }

        // A checkpoint counts once another VM can read it.
        CheckpointStep = _uploads?.Step ?? step.CheckpointStep;
        var isMeasured = step.ValidationScore is not null && step.ValidationStep == step.Step;
        var isDue = step.Step == 1 || step.Step == step.Steps || step.CheckpointPath is not null || isMeasured;
        Report(isDue, new Progress
        {
            JobId = jobId,
            Step = step.Step,
            Steps = step.Steps,
            Loss = step.Loss,
            LearningRate = step.LearningRate,
            GradientNorm = step.GradientNorm,
            Tokens = step.Tokens,
            TokensPerSecond = meter.TokensPerSecond,
            CheckpointStep = CheckpointStep,
            Detail = _uploads?.Fault is { } fault ? $"training; a checkpoint was not uploaded: {fault}" : "training",
            ValidationScore = step.ValidationScore ?? 0,
            ValidationStep = step.ValidationStep,
        });
    }

    private TrainingValidation? Validation(TrainJob job, Prompts[] prompts, Gemma3Config config)
    {
        var keepsBest = TrainSettings.KeepsBest(job);
        if (job.ValidationFile.Length == 0)
        {
            return null;
        }

        var settings = job.Validation ?? new ValidationSettings();
        var pairs = ReadPairs(job.ValidationFile).ToArray();
        var every = settings.EverySteps > 0 ? settings.EverySteps : Math.Max(1, job.CheckpointEverySteps);
        int? patience = settings.Patience > 0 ? settings.Patience : null;
        if (!TrainSettings.MeasuresChrf(settings))
        {
            var examples = Within(
                Examples(pairs, prompts), example => example.Tokens.Length, job.MaxLength, "examples");
            return TrainingValidation.OfLoss(examples, every, patience, keepsBest);
        }

        var longest = settings.MaxNewTokens > 0 ? settings.MaxNewTokens : DefaultNewTokens;
        pairs = Within(
            pairs, pair => prompts.Max(prompt => prompt.Prompt(pair).Length), config.MaxPositions - longest, "pairs");
        var identity = $"{Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(job.ValidationFile)))} {longest}";
        return TrainingValidation.OfScore(
            "chrf", $"{identity} {job.Direction}", (model, stop) => ChrfOf(model, prompts, pairs, longest, stop), every,
            patience, keepsBest);
    }

    /// <summary>Keeps the pairs that are short enough to be measured, and counts the others.</summary>
    private T[] Within<T>(T[] all, Func<T, int> length, int limit, string what)
    {
        var within = Array.FindAll(all, each => length(each) <= limit);
        if (within.Length == 0)
        {
            throw new ModelInputException(
                "validation file", $"has {all.Length} {what}, none within {limit} tokens; give shorter ones, or none");
        }

        _validationTooLong = all.Length - within.Length;
        return within;
    }

    private static TrainingExample[] Examples(IEnumerable<SentencePair> pairs, Prompts[] prompts) =>
        [.. pairs.SelectMany(pair => prompts.Select(prompt => prompt.Example(pair)))];

    /// <summary>The mean over the directions.</summary>
    private static double ChrfOf(
        Gemma3Checkpoint model, Prompts[] prompts, SentencePair[] pairs, int longest, CancellationToken stop)
    {
        using var decoder = new GreedyDecoder(model, Threads);
        return prompts.Average(direction =>
        {
            var options = new DecodeOptions { MaxNewTokens = longest, StopTokens = direction.StopTokens };
            var answers = decoder.Generate([.. pairs.Select(direction.Prompt)], options, null, stop);
            return new Chrf().ScoreCorpus(
                [.. answers.Select(direction.Answer)], [.. pairs.Select(direction.Target)]).Score;
        });
    }

    private static string Name(PromptTemplate template) => template == PromptTemplate.Chat ? "chat" : "plain";
}
