using System.Diagnostics;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Decoding;

namespace Workflows.Training.Bench;

/// <summary>Greedy decoding of prompts of 32 tokens.</summary>
internal static class DecodingBench
{
    public static void Run(BenchConfiguration configuration, int threads, int batch, int newTokens)
    {
        var prompts = configuration.Prompts(batch);
        var options = new DecodeOptions { MaxNewTokens = newTokens, BatchSize = batch, StopTokens = [] };
        var model = Gemma3Checkpoint.CreateRandom(configuration.Model, 1);
        using var decoder = new GreedyDecoder(model, threads);
        using var peak = new ProductPeak(configuration, threads);
        decoder.Generate(prompts, options, null, default);
        var (best, square) = (double.MaxValue, 0.0);
        for (var round = 0; round < 3; round++)
        {
            var started = Stopwatch.GetTimestamp();
            decoder.Generate(prompts, options, null, default);
            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalSeconds);
            square = Math.Max(square, peak.OfSquare());
        }

        // A multiplication and an addition for each weight and token. All weights are read once a step, for the whole
        // batch: with one row that, and not the arithmetic, is the limit.
        var (steps, tokens) = (newTokens / best, batch * newTokens / best);
        var flops = 2.0 * model.ParameterCount * tokens;
        Console.WriteLine(
            $"  decoding {batch} at once: {tokens:f0} tokens/s, {flops / 1e9:f1} GFLOP/s, {flops / square:f2} of the "
            + $"square's peak ({square / 1e9:f0}), "
            + $"reading {4 * model.ParameterCount * steps / 1e9:f1} GB/s of weights");
    }
}
