using Workflows.ModelFiles;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Host;
using Workflows.Translation;
using Workflows.Translation.Corpora;
using Workflows.Translation.Tokenization;

namespace Workflows.Samples;

/// <summary>
/// Trains the sample's checkpoint from nothing on the general sentences, in both directions, with the product's own
/// trainer. It never sees a sentence of the sample's domain, so that fine-tuning has something to add.
/// </summary>
internal static class PretrainCommand
{
    private const ulong Seed = 20_261_124;
    private const int Epochs = 6, BatchSize = 48, PrintEverySteps = 50;

    public static int Run(string folder)
    {
        var model = Path.Combine(folder, "tiny-gemma3");
        var tokenizer = BpeTokenizer.Load(Path.Combine(model, "tokenizer.json"));
        var pairs = CorpusReader.Read(Path.Combine(folder, "general.tsv")).Pairs;
        var examples = TranslationDirections.Both
            .Select(direction => new Prompts(tokenizer, direction, "brief"))
            .SelectMany(prompts => pairs.Select(prompts.Example)).ToList();

        var random = Gemma3Checkpoint.CreateRandom(Config(tokenizer), Seed, WeightPrecision.BF16);
        var steps = Epochs * examples.Count / BatchSize;
        var options = new FineTuneOptions
        {
            Steps = steps,
            BatchSize = BatchSize,
            LearningRate = 3e-3,
            WarmupSteps = 100,
            WeightDecay = 0.01,
            MaxLength = 128,
            Seed = Seed,
            CheckpointEverySteps = 200,
            Threads = Environment.ProcessorCount,
        };
        Console.WriteLine($"{random.ParameterCount} parameters, {examples.Count} examples, {steps} steps");

        // Below the artifacts: a run that is interrupted goes on from its newest checkpoint.
        var checkpoints = Path.Combine(Path.GetDirectoryName(folder)!, "artifacts", "pretrain");
        using var tuner = new FineTuner(random, options, examples);
        var result = tuner.Run(checkpoints, Print, CancellationToken.None);
        tuner.CreateCheckpoint().Save(model, companions: model);
        new TranslationCard(TranslationDirections.Both, "brief", "chat").Write(model);
        Console.WriteLine($"{model}: loss {result.FirstLoss:0.000} to {result.FinalLoss:0.000}");
        return 0;
    }

    /// <summary>Gemma 3's architecture at its smallest that still translates: one global layer in six.</summary>
    private static Gemma3Config Config(BpeTokenizer tokenizer) => new()
    {
        VocabularySize = tokenizer.VocabularySize,
        HiddenSize = 128,
        IntermediateSize = 512,
        LayerCount = 6,
        HeadCount = 4,
        KeyValueHeadCount = 1,
        HeadDimension = 32,
        QueryPreAttentionScalar = 32,
        SlidingWindow = 64,
        MaxPositions = 1024,
        BeginToken = tokenizer.BosId,
        EndTokens = [tokenizer.EosId, tokenizer.EndOfTurnId],
        PadToken = tokenizer.PadId,
    };

    private static void Print(TrainingProgress step)
    {
        if (step.Step % PrintEverySteps == 0 || step.Step == step.Steps)
        {
            Console.WriteLine($"{step.Step}/{step.Steps}  loss {step.Loss:0.000}  {step.TokensPerSecond:0} tokens/s");
        }
    }
}
