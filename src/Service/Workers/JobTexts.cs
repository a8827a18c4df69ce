using Workflows.Activities;
using Workflows.Activities.Evaluation;
using Workflows.Activities.Training;
using Workflows.Artifacts;
using Workflows.Orchestrations;
using Workflows.TpuWorker.Protocol;
using Workflows.Translation;

namespace Workflows.Service.Workers;

/// <summary>Converts jobs and their results between the run's records and the worker's protocol.</summary>
internal static class JobTexts
{
    private const string Programs = "programs";

    /// <summary>Builds the message that gives a job to its worker.</summary>
    /// <param name="id">The job's id.</param>
    /// <param name="directory">The run's folder, where runs of older histories have their artifacts.</param>
    /// <param name="input">The job.</param>
    public static GatewayMessage Describe(string id, string directory, DispatchInput input) => new()
    {
        Job = input.Kind == JobKind.Train
            ? new Job { JobId = id, Train = Train(RootOf(directory, input), input) }
            : new Job { JobId = id, Translate = Translate(RootOf(directory, input), input) },
    };

    private static ArtifactUri RootOf(string directory, DispatchInput input) =>
        ArtifactUri.Parse(input.Data.ArtifactsUri ?? directory);

    private static string ModelOf(DispatchInput input) => input.Data.ModelUri ?? input.Spec.Model;

    /// <summary>Returns the base model's name for an adapter: the Hub's, which every loader of adapters
    /// resolves.</summary>
    private static string NameOf(string model) =>
        ArtifactUri.TryParse(model, out _) is { Scheme: ArtifactScheme.Hub, Path: "" } repository
            ? repository.Container
            : model;

    /// <summary>Converts the result of a training into the ledger's fact.</summary>
    public static TrainFact Fact(TrainResult result) => new(
        result.Steps, result.ResumedFromStep, result.Tokens, result.TokensPerSecond, result.FirstLoss,
        result.FinalLoss, result.Seconds, result.TooLong)
    {
        Method = result.Method,
        TrainedParameters = result.TrainedParameters,
        MicroBatchSize = result.MicroBatchSize,
        OutputStep = result.OutputStep,
        StoppedEarly = result.StoppedEarly,
        FinishedEarly = result.FinishedEarly,
        Metric = result.Metric,
        BestScore = result.Metric.Length > 0 ? result.BestScore : null,
        BestStep = result.BestStep,
        ValidationTooLong = result.ValidationTooLong,
    };

    /// <summary>Converts a worker's report of its programs; null if its device compiles nothing.</summary>
    public static CompileFact? Fact(CompileResult? compile) =>
        compile is null ? null : new CompileFact(compile.Seconds, compile.Compiled, compile.Loaded);

    /// <summary>Creates the facts of translations; null for none.</summary>
    public static IReadOnlyList<DecodedFact>? Facts(IReadOnlyList<DecodedModel>? decoded) =>
        decoded is not { Count: > 0 } ? null
            : [.. decoded.Select(each => new DecodedFact(
                each.Name, each.Direction, each.Seconds, each.Texts, each.Characters))];

    private static TrainJob Train(ArtifactUri root, DispatchInput input)
    {
        var (spec, training) = (input.Spec, input.Spec.Training);
        var job = new TrainJob
        {
            ModelDirectory = ModelOf(input),
            BaseModel = NameOf(spec.Model),
            PairsFile = input.Data.TrainUri,
            Direction = WireName.Of(spec.Direction),
            CheckpointDirectory = root.Child("checkpoints").ToText(),
            OutputDirectory = root.Child("tuned").ToText(),
            ProgramDirectory = root.Child(Programs).ToText(),
            Steps = training.Steps,
            BatchSize = training.BatchSize,
            AccumulationSteps = training.AccumulationSteps,
            LearningRate = training.LearningRate,
            WarmupSteps = training.WarmupSteps,
            Schedule = training.Schedule,
            WeightDecay = training.WeightDecay,
            MaxGradientNorm = training.MaxGradientNorm,
            MaxLength = training.MaxLength,
            Pack = training.Pack,
            CheckpointEverySteps = input.CheckpointEverySteps ?? training.CheckpointEverySteps,
            KeepCheckpoints = training.KeepCheckpoints,
            Keep = training.Keep,
            Seed = training.Seed,
            PromptStyle = spec.Prompt,
            PromptTemplate = spec.PromptTemplate,
            Method = training.Method,
        };
        job.EarlierSteps.AddRange(training.EarlierSteps ?? []);
        if (training.Method == "lora")
        {
            job.Lora = new LoraSettings
            {
                Rank = training.Lora.Rank,
                Alpha = training.Lora.Alpha ?? 0,
                Dropout = training.Lora.Dropout,
                Targets = { training.Lora.Targets },
                RankStabilized = training.Lora.RankStabilized,
            };
        }

        if (training.Validation is { } validation && input.Data.ValidationUri is { } pairs)
        {
            job.ValidationFile = pairs;
            job.Validation = new ValidationSettings
            {
                Metric = validation.Metric,

                // More checkpoints are no more measurements.
                EverySteps = validation.EverySteps > 0 || input.CheckpointEverySteps is null
                    ? validation.EverySteps : training.CheckpointEverySteps,
                Patience = validation.Patience,
                MaxNewTokens = spec.Evaluation.MaxNewTokens,
            };
        }

        return job;
    }

    private static TranslateJob Translate(ArtifactUri root, DispatchInput input)
    {
        var (spec, evaluation) = (input.Spec, input.Spec.Evaluation);
        var job = new TranslateJob
        {
            PairsFile = input.Data.TestUri,
            Direction = WireName.Of(spec.Direction),
            MaxNewTokens = evaluation.MaxNewTokens,
            BatchSize = evaluation.BatchSize,
            BeamSize = evaluation.BeamSize,
            LengthPenalty = evaluation.LengthPenalty,
            LongInput = evaluation.LongInput,
            PromptStyle = spec.Prompt,
            PromptTemplate = spec.PromptTemplate,
            ProgramDirectory = root.Child(Programs).ToText(),
        };
        foreach (var model in HypothesisFiles.Models)
        {
            foreach (var direction in spec.Directions())
            {
                job.Models.Add(new TranslateJob.Types.Model
                {
                    Name = model,
                    Directory = model == HypothesisFiles.Base ? ModelOf(input) : root.Child("tuned").ToText(),
                    OutputFile = root.Child(HypothesisFiles.NameOf(model, direction)).ToText(),
                    Direction = direction.Code(),
                });
            }
        }

        return job;
    }
}
