using System.Diagnostics;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Decoding;

namespace Workflows.Training.Bench;

/// <summary>Greedy decoding of prompts of 32 tokens.</summary>
internal static class DecodingBench
{
    private const int PromptLength = 32;

    public static void Run(BenchConfiguration configuration, int threads, int batch, int newTokens)
    {
        var random = new Random(2);
        var prompts = Enumerable.Range(0, batch).Select(_ => Enumerable.Range(0, PromptLength)
            .Select(_ => random.Next(3, configuration.Model.VocabularySize)).ToArray()).ToArray();
        var options = new DecodeOptions { MaxNewTokens = newTokens, BatchSize = batch, StopTokens = [] };
        using var decoder = new GreedyDecoder(Gemma3Checkpoint.CreateRandom(configuration.Model, 1), threads);
        decoder.Generate(prompts, options, null, default);
        var best = double.MaxValue;
        for (var round = 0; round < 3; round++)
        {
            var started = Stopwatch.GetTimestamp();
            decoder.Generate(prompts, options, null, default);
            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        Console.WriteLine($"  decoding {batch} at once: {batch * newTokens / best:f0} tokens/s");
    }
}
