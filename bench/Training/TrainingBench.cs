using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Training;

namespace Workflows.Training.Bench;

/// <summary>Full fine-tuning on whole rows of random tokens: forward, backward, clipping and AdamW.</summary>
internal static class TrainingBench
{
    public static void Run(BenchConfiguration configuration, int threads, int steps)
    {
        var before = ProductPeak.Measure(configuration, threads, print: false);
        var random = new Random(1);
        var examples = Enumerable.Range(0, configuration.Batch * 4).Select(_ => new TrainingExample(
            [.. Enumerable.Range(0, configuration.Length + 1)
                .Select(_ => random.Next(3, configuration.Model.VocabularySize))], 1)).ToArray();
        var options = new FineTuneOptions
        {
            Steps = steps + 2,
            BatchSize = configuration.Batch,
            MaxLength = configuration.Length + 1,
            CheckpointEverySteps = 0,
            Threads = threads,
            LearningRate = 1e-4,
        };
        using var tuner = new FineTuner(Gemma3Checkpoint.CreateRandom(configuration.Model, 1), options, examples);
        var folder = Directory.CreateTempSubdirectory("training-bench-").FullName;
        var rates = new List<double>();
        tuner.Run(Path.Combine(folder, "checkpoints"), step => rates.Add(step.TokensPerSecond), default);
        Directory.Delete(folder, recursive: true);
        var after = ProductPeak.Measure(configuration, threads, print: false);

        // The first two steps compile and warm up. Tokens are counted as positions that predict one.
        var share = configuration.Length / (configuration.Length + 1.0);
        var sorted = rates.Skip(2).Select(rate => rate * share).Order().ToArray();
        var (median, best) = (sorted[sorted.Length / 2], sorted[^1]);
        var shapes = Math.Max(before.OfShapes, after.OfShapes);
        var square = Math.Max(before.OfSquare, after.OfSquare);
        var flop = configuration.TrainingFlopPerToken;
        Console.WriteLine(
            $"  training: {median:f0} tokens/s (best {best:f0}; peer {configuration.PeerTraining:f0}), "
            + $"{median * flop / 1e9:f1} GFLOP/s");
        Console.WriteLine(
            $"  peak: {shapes / 1e9:f1} GFLOP/s over the model's shapes, {square / 1e9:f1} square; share "
            + $"{median * flop / shapes:f2} and {median * flop / square:f2} (best {best * flop / square:f2})");
    }
}
