using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Host;

/// <summary>Converts a training job's settings for the trainer; missing ones get their defaults here.</summary>
internal static class TrainSettings
{
    private const int DefaultKeep = 2;
    private const int DefaultRank = 16;

    public static FineTuneOptions Options(TrainJob job, int threads) => new()
    {
        Steps = job.Steps,
        EarlierSteps = [.. job.EarlierSteps],
        BatchSize = job.BatchSize,
        AccumulationSteps = Math.Max(1, job.AccumulationSteps),
        LearningRate = job.LearningRate,
        WarmupSteps = job.WarmupSteps,
        Decay = Choose("schedule", job.Schedule, "cosine", new Dictionary<string, LearningRateDecay>
        {
            ["cosine"] = LearningRateDecay.Cosine,
            ["linear"] = LearningRateDecay.Linear,
            ["constant"] = LearningRateDecay.Constant,
            ["inverse-sqrt"] = LearningRateDecay.InverseSquareRoot,
        }),
        WeightDecay = job.WeightDecay,
        MaxGradientNorm = job.MaxGradientNorm == 0 ? 1 : job.MaxGradientNorm,
        MaxLength = job.MaxLength,
        Pack = job.Pack,
        CheckpointEverySteps = job.CheckpointEverySteps,
        KeepCheckpoints = job.KeepCheckpoints == 0 ? DefaultKeep : job.KeepCheckpoints,
        FinishAfterStep = job.FinishAfterStep > 0 ? job.FinishAfterStep : null,
        MemoryLimitBytes = job.MemoryLimitBytes == 0 ? null : job.MemoryLimitBytes,
        Threads = threads,
        Seed = (ulong)(uint)job.Seed,
        Lora = Choose("method", job.Method, "full", new Dictionary<string, Func<LoraOptions?>>
        {
            ["full"] = () => null,
            ["lora"] = () => Lora(job.Lora ?? new LoraSettings()),
        })(),
    };

    /// <summary>Returns whether the result is the best weights rather than the last.</summary>
    public static bool KeepsBest(TrainJob job)
    {
        var keepsBest = Choose(
            "keep", job.Keep, "last", new Dictionary<string, bool> { ["last"] = false, ["best"] = true });
        return keepsBest && job.ValidationFile.Length == 0
            ? throw new ModelInputException("keep", "is 'best' without a validation file to measure on")
            : keepsBest;
    }

    /// <summary>Returns whether the metric is chrF rather than the loss.</summary>
    public static bool MeasuresChrf(ValidationSettings settings) => Choose(
        "validation metric", settings.Metric, "loss",
        new Dictionary<string, bool> { ["loss"] = false, ["chrf"] = true });

    /// <summary>Returns the value of a name; an empty one means the default.</summary>
    public static T Choose<T>(string setting, string name, string standard, IReadOnlyDictionary<string, T> values) =>
        values.TryGetValue(name.Length == 0 ? standard : name, out var value)
            ? value
            : throw new ModelInputException(setting, $"is '{name}', wanted {string.Join(", ", values.Keys)}");

    private static LoraOptions Lora(LoraSettings settings)
    {
        var rank = settings.Rank == 0 ? DefaultRank : settings.Rank;
        var targets = settings.Targets.Aggregate(
            LoraTargets.None, (all, name) => all | Choose("LoRA target", name, "", LoraTargetNames.All));
        return new LoraOptions
        {
            Rank = rank,
            Alpha = settings.Alpha == 0 ? 2 * rank : settings.Alpha,
            Dropout = settings.Dropout,
            Targets = targets == LoraTargets.None ? LoraTargets.All : targets,
            RankStabilized = settings.RankStabilized,
        };
    }
}
