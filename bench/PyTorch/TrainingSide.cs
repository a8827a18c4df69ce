using System.Diagnostics;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.Training.Bench;
using static TorchSharp.torch;

namespace Workflows.PyTorch.Bench;

/// <summary>
/// Steps of full fine-tuning, ours and the peer's in turn, from the same weights on the same batch with the same rates,
/// so that their losses must stay equal.
/// </summary>
internal static class TrainingSide
{
    private const double Rate = 1e-4;
    private const double LossTolerance = 1e-3;
    private const int LossSteps = 5;

    // Both sides compile, profile and warm up.
    private const int WarmupRounds = 3;
    private static readonly TimeSpan SettlingTime = TimeSpan.FromMilliseconds(30);

    public static void Run(BenchConfiguration configuration, int threads, int rounds, int stepsOfARound)
    {
        var model = Gemma3Checkpoint.CreateRandom(configuration.Model, 1);
        var random = new Random(1);
        var examples = Enumerable.Range(0, configuration.Batch).Select(_ => new TrainingExample(
            [.. Enumerable.Range(0, configuration.Length + 1)
                .Select(_ => random.Next(3, configuration.Model.VocabularySize))], 1)).ToArray();
        using var ids = Rows(examples, 0, configuration.Length);
        using var labels = Rows(examples, 1, configuration.Length);
        using var peer = new Peer(model);
        using var tuner = new FineTuner(
            model, Options(configuration, threads, (rounds + WarmupRounds) * stepsOfARound), examples);
        var side = new SideBySide("training");
        var (ours, losses) = (new List<double>(), new List<float>());
        var load = new ForeignLoad();
        var folder = Directory.CreateTempSubdirectory("pytorch-bench-").FullName;
        tuner.Run(Path.Combine(folder, "checkpoints"), step =>
        {
            var tokens = configuration.Batch * configuration.Length;
            ours.Add(tokens / step.TokensPerSecond * (configuration.Length + 1) / configuration.Length);
            losses.Add((float)step.Loss);
            if (step.Step % stepsOfARound != 0)
            {
                return;
            }

            var foreign = load.Cores;
            Thread.Sleep(SettlingTime);
            load = new ForeignLoad();
            var theirs = new List<double>();
            for (var i = step.Step - stepsOfARound; i < step.Step; i++)
            {
                var started = Stopwatch.GetTimestamp();
                var loss = peer.Step(ids, labels, Rate);
                theirs.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
                Compare(i, losses[i], loss);
            }

            if (step.Step > WarmupRounds * stepsOfARound)
            {
                side.Add(tokens / Median(ours), tokens / Median(theirs), Math.Max(foreign, load.Cores));
            }

            ours.Clear();
            Thread.Sleep(SettlingTime);
            load = new ForeignLoad();
        }, default);
        Directory.Delete(folder, recursive: true);
        side.Print();
    }

    private static void Compare(int step, float ours, float peer)
    {
        var difference = Math.Abs(ours - peer);
        if (step < LossSteps)
        {
            Console.WriteLine($"  step {step + 1}: loss {ours:f6}, peer {peer:f6}, difference {difference:e1}");
        }

        if (step < LossSteps && !(difference <= LossTolerance))
        {
            throw new InvalidOperationException($"The losses differ by {difference}, more than {LossTolerance}.");
        }
    }

    private static FineTuneOptions Options(BenchConfiguration configuration, int threads, int steps) => new()
    {
        Steps = steps,
        BatchSize = configuration.Batch,
        MaxLength = configuration.Length + 1,
        CheckpointEverySteps = 0,
        Threads = threads,
        LearningRate = Rate,
        Decay = LearningRateDecay.Constant,
    };

    private static Tensor Rows(TrainingExample[] examples, int from, int length) => tensor(
        examples.SelectMany(each => each.Tokens.Skip(from).Take(length)).Select(id => (long)id).ToArray(),
        examples.Length, length);

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
