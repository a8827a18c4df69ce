using System.Diagnostics;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.Training.Bench;

namespace Workflows.PyTorch.Bench;

/// <summary>Greedy decoding of the same prompts of 32 tokens, ours and the peer's in turn.</summary>
internal static class DecodingSide
{
    private const int PromptLength = 32;
    private const int WarmupRounds = 2;
    private static readonly TimeSpan SettlingTime = TimeSpan.FromMilliseconds(30);

    public static void Run(BenchConfiguration configuration, int threads, int batch, int rounds)
    {
        var model = Gemma3Checkpoint.CreateRandom(configuration.Model, 1);
        var random = new Random(2);
        var prompts = Enumerable.Range(0, batch).Select(_ => Enumerable.Range(0, PromptLength)
            .Select(_ => random.Next(3, configuration.Model.VocabularySize)).ToArray()).ToArray();
        var options = new DecodeOptions { MaxNewTokens = configuration.NewTokens, BatchSize = batch, StopTokens = [] };
        using var decoder = new GreedyDecoder(model, threads);
        using var peer = new Peer(model);
        var side = new SideBySide($"decoding {batch} at once");
        double tokens = batch * configuration.NewTokens;
        for (var round = 0; round < rounds + WarmupRounds; round++)
        {
            var (ours, seconds, foreign) = Timed(() => decoder.Generate(prompts, options, null, default));
            var (theirs, peerSeconds, peerForeign) = Timed(() => peer.Generate(prompts, configuration.NewTokens));
            if (round == 0)
            {
                Compare(ours, theirs);
            }

            if (round >= WarmupRounds)
            {
                side.Add(tokens / seconds, tokens / peerSeconds, Math.Max(foreign, peerForeign));
            }
        }

        side.Print();
    }

    private static (T Result, double Seconds, double Foreign) Timed<T>(Func<T> work)
    {
        Thread.Sleep(SettlingTime);
        var load = new ForeignLoad();
        var started = Stopwatch.GetTimestamp();
        var result = work();
        return (result, Stopwatch.GetElapsedTime(started).TotalSeconds, load.Cores);
    }

    /// <summary>
    /// Random weights score many tokens alike, so a text may part from the other's somewhere; its first token may not.
    /// </summary>
    private static void Compare(int[][] ours, int[][] theirs)
    {
        var same = ours.Zip(
            theirs, (left, right) => left.Zip(right).TakeWhile(pair => pair.First == pair.Second).Count()).ToArray();
        Console.WriteLine(
            $"  tokens until the texts part: {string.Join(' ', same)} of {ours[0].Length}");
        if (same.Any(count => count == 0))
        {
            throw new InvalidOperationException("The first tokens differ.");
        }
    }
}
