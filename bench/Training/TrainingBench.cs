using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Training;

namespace Workflows.Training.Bench;

/// <summary>
/// Full fine-tuning on whole rows of random tokens: forward, backward, clipping and AdamW; between steps the machine's
/// products are measured. The share is the median over steps of a step's FLOP/s over that of the products beside it.
/// </summary>
internal static class TrainingBench
{
    // The first steps compile and warm up.
    private const int WarmupSteps = 2;

    public static void Run(BenchConfiguration configuration, int threads, int steps)
    {
        using var peak = new ProductPeak(configuration, threads);
        using var tuner = new FineTuner(
            Gemma3Checkpoint.CreateRandom(configuration.Model, 1), configuration.Options(steps + WarmupSteps, threads),
            configuration.Examples());
        var folder = Directory.CreateTempSubdirectory("training-bench-").FullName;
        var seen = new List<(double Tokens, double Shapes, double Square)>();
        tuner.Run(
            Path.Combine(folder, "checkpoints"),
            step => seen.Add((step.TokensPerSecond, peak.OfShapes(), peak.OfSquare())), default);
        Directory.Delete(folder, recursive: true);

        // Tokens are counted as positions that predict one.
        var share = configuration.Length / (configuration.Length + 1.0);
        var flop = configuration.TrainingFlopPerToken * share;
        var counted = seen.Skip(WarmupSteps).ToArray();
        Console.WriteLine(
            $"  training: {Median(counted, each => each.Tokens * share):f0} tokens/s (best "
            + $"{counted.Max(each => each.Tokens * share):f0}), "
            + $"{Median(counted, each => each.Tokens * flop) / 1e9:f1} GFLOP/s");
        Console.WriteLine(
            $"  peak beside it: {Median(counted, each => each.Shapes) / 1e9:f1} GFLOP/s over the model's shapes, "
            + $"{Median(counted, each => each.Square) / 1e9:f1} square; share "
            + $"{Median(counted, each => each.Tokens * flop / each.Shapes):f2} and "
            + $"{Median(counted, each => each.Tokens * flop / each.Square):f2}");
    }

    private static double Median<T>(T[] items, Func<T, double> value)
    {
        var sorted = items.Select(value).Order().ToArray();
        return sorted[sorted.Length / 2];
    }
}
