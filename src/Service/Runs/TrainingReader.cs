using Workflows.Activities.Data;
using Workflows.Orchestrations;
using Workflows.Translation.Metrics;
using Workflows.Translation.Metrics.Mecab;

namespace Workflows.Service.Runs;

/// <summary>Checks a request's settings of training and evaluation, and fills in the defaults.</summary>
internal static class TrainingReader
{
    private const int MostSteps = 10_000_000;

    private static readonly string[] LinearLayers =
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

    public static TrainingSpec Read(TrainingRequest? asked, RequestCheck check)
    {
        var given = new TrainingSpec();
        var steps = check.InRange(asked?.Steps ?? given.Steps, "training.steps", 1, MostSteps);
        var method = check.OneOf(asked?.Method, "training.method", "full", "lora");
        check.That(method == "lora" || asked?.Lora is null, "training.lora",
            "It describes an adapter, and every weight is trained.",
            "Add \"method\": \"lora\", or leave lora out.");
        var validation = Read(asked?.Validation, check);
        var keep = asked?.Keep is null && validation is not null
            ? "best"
            : check.OneOf(asked?.Keep, "training.keep", "last", "best");
        check.That(keep == "last" || validation is not null, "training.keep",
            "Without a validation no step is the best.", "Add \"validation\": {}, or use \"last\".");
        return new TrainingSpec
        {
            Steps = steps,
            BatchSize = check.InRange(asked?.BatchSize ?? given.BatchSize, "training.batchSize", 1, 4096),
            AccumulationSteps = check.InRange(
                asked?.AccumulationSteps ?? given.AccumulationSteps, "training.accumulationSteps", 1, 4096),
            Method = method,
            Lora = Read(asked?.Lora, check),
            Schedule = check.OneOf(
                asked?.Schedule, "training.schedule", "cosine", "linear", "constant", "inverse-sqrt"),
            Pack = asked?.Pack ?? given.Pack,
            MaxGradientNorm = check.InRange(
                asked?.MaxGradientNorm ?? given.MaxGradientNorm, "training.maxGradientNorm", 1e-6, 1e6),
            Validation = validation,
            Keep = keep,
            KeepCheckpoints = check.InRange(
                asked?.KeepCheckpoints ?? given.KeepCheckpoints, "training.keepCheckpoints", 1, 100),
            LearningRate = check.InRange(asked?.LearningRate ?? given.LearningRate, "training.learningRate", 1e-8, 1),
            WarmupSteps = Warmup(asked?.WarmupSteps, steps, given.WarmupSteps, check),
            WeightDecay = check.InRange(asked?.WeightDecay ?? given.WeightDecay, "training.weightDecay", 0, 1),
            MaxLength = check.InRange(asked?.MaxLength ?? given.MaxLength, "training.maxLength", 8, 131_072),
            CheckpointEverySteps = check.InRange(
                asked?.CheckpointEverySteps ?? given.CheckpointEverySteps, "training.checkpointEverySteps", 1,
                1_000_000),
            Seed = asked?.Seed ?? given.Seed,
        };
    }

    public static EvaluationSpec Read(EvaluationRequest? asked, RunDirection direction, RequestCheck check)
    {
        var given = new EvaluationSpec();
        return new EvaluationSpec
        {
            MaxNewTokens = check.InRange(asked?.MaxNewTokens ?? given.MaxNewTokens, "evaluation.maxNewTokens", 1, 8192),
            BatchSize = check.InRange(asked?.BatchSize ?? given.BatchSize, "evaluation.batchSize", 1, 1024),
            BeamSize = check.InRange(asked?.BeamSize ?? given.BeamSize, "evaluation.beamSize", 1, 64),
            LengthPenalty = check.InRange(
                asked?.LengthPenalty ?? given.LengthPenalty, "evaluation.lengthPenalty", 0.0, 10.0),
            LongInput = check.OneOf(asked?.LongInput, "evaluation.longInput", "refuse", "truncate"),
            BleuTokenizer = Tokenizer(asked?.BleuTokenizer, direction, check),
            BootstrapSamples = check.InRange(
                asked?.BootstrapSamples ?? given.BootstrapSamples, "evaluation.bootstrapSamples", 100, 1_000_000),
            Seed = check.InRange(asked?.Seed ?? given.Seed, "evaluation.seed", 0, int.MaxValue),
        };
    }

    /// <summary>
    /// Returns the requested steps of warm-up, which end within the training; if none are given, the default, or less
    /// for a shorter training.
    /// </summary>
    private static int Warmup(int? asked, int steps, int given, RequestCheck check)
    {
        if (asked is not { } warmup)
        {
            return Math.Clamp(steps - 1, 0, given);
        }

        const string Field = "training.warmupSteps";
        check.InRange(warmup, Field, 0, MostSteps);
        check.That(
            warmup <= steps || warmup > MostSteps || steps < 1, Field,
            $"It is {warmup} and training.steps is {steps}: the learning rate would still rise at the end.",
            $"Lower training.warmupSteps to {steps} or less (--set training.warmupSteps={steps / 10}), "
            + $"or raise training.steps to {warmup} or more (--set training.steps={warmup}).");
        return warmup;
    }

    private static LoraSpec Read(LoraRequest? asked, RequestCheck check)
    {
        var given = new LoraSpec();
        foreach (var target in asked?.Targets ?? [])
        {
            check.That(LinearLayers.Contains(target), "training.lora.targets", $"'{target}' is not a linear layer.",
                $"Use {string.Join(", ", LinearLayers)}.");
        }

        return new LoraSpec
        {
            Rank = check.InRange(asked?.Rank ?? given.Rank, "training.lora.rank", 1, 1024),
            Alpha = asked?.Alpha is { } alpha ? check.InRange(alpha, "training.lora.alpha", 1e-3, 1e5) : null,
            Dropout = check.InRange(asked?.Dropout ?? given.Dropout, "training.lora.dropout", 0, 0.95),
            Targets = asked?.Targets ?? [],
            RankStabilized = asked?.RankStabilized ?? given.RankStabilized,
        };
    }

    private static ValidationSpec? Read(ValidationRequest? asked, RequestCheck check)
    {
        if (asked is null)
        {
            return null;
        }

        var given = new ValidationSpec();
        return new ValidationSpec
        {
            Metric = check.OneOf(asked.Metric, "training.validation.metric", "loss", "chrf"),
            EverySteps = check.InRange(
                asked.EverySteps ?? given.EverySteps, "training.validation.everySteps", 1, 1_000_000),
            Patience = check.InRange(asked.Patience ?? given.Patience, "training.validation.patience", 0, 1000),
            MaxPairs = check.InRange(
                asked.MaxPairs ?? given.MaxPairs, "training.validation.maxPairs", PrepareDataActivity.LeastValidation,
                100_000),
        };
    }

    /// <summary>Refuses a tokenizer whose dictionary is missing now, not after the training was paid for.</summary>
    private static string? Tokenizer(string? asked, RunDirection direction, RequestCheck check)
    {
        const string Field = "evaluation.bleuTokenizer";
        if (asked is null)
        {
            return null;
        }

        check.OneOf(asked, Field, "13a", "char", "intl", "zh", "none", "ko-mecab");
        check.That(
            asked != "ko-mecab" || direction == RunDirection.EnToKo, Field,
            "ko-mecab cuts Korean, and English is scored too.",
            "Leave it out: each direction then has the tokenizer that suits it.");
        if (asked == "ko-mecab")
        {
            try
            {
                _ = new Bleu(new BleuOptions { Tokenizer = BleuTokenizer.KoreanMecab });
            }
            catch (MecabDictionaryException exception)
            {
                check.That(
                    false, Field, exception.Message, "Name its folder in WORKFLOWS_MECAB_KO_DIC, or use \"char\".");
            }
        }

        return asked;
    }
}
