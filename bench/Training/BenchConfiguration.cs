using Workflows.ModelFiles;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Training;

namespace Workflows.Training.Bench;

/// <summary>A model and a batch. bench/PyTorch measures the peer with the same ones.</summary>
internal sealed record BenchConfiguration(
    string Name, Gemma3Config Model, int Batch, int Length, int Steps, int NewTokens)
{
    public static BenchConfiguration[] All { get; } =
    [
        new("tiny", Config(4_096, 128, 4, 4, 1, 32, 512), 16, 64, 60, 128),
        new("mid", Config(32_768, 512, 8, 8, 2, 64, 2_048), 8, 128, 5, 64),
    ];

    /// <summary>The published sizes: a step takes up to half a minute of two cores, and gigabytes.</summary>
    public static BenchConfiguration[] Large { get; } =
    [
        new("270m", Config(262_144, 640, 18, 4, 1, 256, 2_048), 4, 64, 3, 16) { FitsTwice = false },
        new("1b-lora", Config(262_144, 1_152, 26, 4, 1, 256, 6_912), 2, 64, 3, 16) { Rank = 16 },
    ];

    /// <summary>Rank of the adapters that are trained on all linear layers; null for full fine-tuning.</summary>
    public int? Rank { get; init; }

    /// <summary>Gets a value indicating whether two trainings of it fit into 24 GB at once, to take turns.</summary>
    public bool FitsTwice { get; init; } = true;

    /// <summary>Weights of the model.</summary>
    public long Parameters => MatrixElements + ((Model.LayerCount * 4L) + 1) * Model.HiddenSize
        + (Model.LayerCount * 2L * Model.HeadDimension);

    /// <summary>Elements of the matrices that a token is multiplied with; the embedding once, as the output.</summary>
    public long MatrixElements
    {
        get
        {
            var attention = 2L * Model.HiddenSize * Model.HeadDimension * (Model.HeadCount + Model.KeyValueHeadCount);
            var fed = 3L * Model.HiddenSize * Model.IntermediateSize;
            return (Model.LayerCount * (attention + fed)) + ((long)Model.VocabularySize * Model.HiddenSize);
        }
    }

    /// <summary>
    /// Of one token in training: 2 for each product of the forward pass and twice that backwards, or once if only
    /// adapters are trained (they are below 2 % and left out), and the two products of the attention over the whole
    /// length, masked or not.
    /// </summary>
    public double TrainingFlopPerToken => ((Rank is null ? 6.0 : 4.0) * MatrixElements)
        + (12.0 * Length * Model.HeadCount * Model.HeadDimension * Model.LayerCount);

    /// <summary>Four batches of whole rows of random tokens.</summary>
    public TrainingExample[] Examples()
    {
        var random = new Random(1);
        return
        [
            .. Enumerable.Range(0, Batch * 4).Select(_ => new TrainingExample(
                [.. Enumerable.Range(0, Length + 1).Select(_ => random.Next(3, Model.VocabularySize))], 1)),
        ];
    }

    /// <summary>How they are trained on.</summary>
    public FineTuneOptions Options(int steps, int threads) => new()
    {
        Steps = steps,
        BatchSize = Batch,
        MaxLength = Length + 1,
        CheckpointEverySteps = 0,
        Threads = threads,
        LearningRate = 1e-4,
        Lora = Rank is { } rank ? new LoraOptions { Rank = rank } : null,
    };

    /// <summary>Random prompts of 32 tokens.</summary>
    public int[][] Prompts(int count)
    {
        var random = new Random(2);
        return
        [
            .. Enumerable.Range(0, count).Select(_ =>
                Enumerable.Range(0, 32).Select(_ => random.Next(3, Model.VocabularySize)).ToArray()),
        ];
    }

    private static Gemma3Config Config(
        int vocabulary, int hidden, int layers, int heads, int shared, int width, int inner) => new()
        {
            VocabularySize = vocabulary,
            HiddenSize = hidden,
            LayerCount = layers,
            HeadCount = heads,
            KeyValueHeadCount = shared,
            HeadDimension = width,
            QueryPreAttentionScalar = width,
            IntermediateSize = inner,
            SlidingWindow = 512,
            MaxPositions = 4_096,
        };
}
