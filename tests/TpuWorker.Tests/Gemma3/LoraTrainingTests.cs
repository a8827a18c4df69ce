using Workflows.TestKit;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Training;

namespace Workflows.TpuWorker.Tests.Gemma3;

public sealed class LoraTrainingTests
{
    // Embeddings apart enough that a frozen one can tell the answers from each other.
    private static readonly Gemma3Checkpoint Base =
        Gemma3Checkpoint.CreateRandom(Models.Tiny with { InitializerRange = 0.2 }, 4);

    [Fact]
    public void Run_Adapter_LearnsAndLeavesTheModelAlone()
    {
        using var temporary = new TemporaryFolder();
        var before = Base.Parameters.ToDictionary(entry => entry.Key, entry => (float[])entry.Value.Floats.Clone());
        using var tuner = new FineTuner(Base, Options(80), Examples());

        var result = tuner.Run(temporary["run"], _ => { }, default);

        Assert.True(result.FinalLoss < 0.7 * result.FirstLoss, $"loss {result.FirstLoss} to {result.FinalLoss}");
        Assert.All(before, entry => Assert.Equal(entry.Value, Base.Parameters[entry.Key].Floats));
        var tuned = tuner.CreateCheckpoint().Parameters;
        Assert.Equal(before["model.embed_tokens.weight"], tuned["model.embed_tokens.weight"].Floats);
        Assert.Equal(
            before["model.layers.1.mlp.up_proj.weight"], tuned["model.layers.1.mlp.up_proj.weight"].Floats);
        Assert.NotEqual(
            before["model.layers.1.self_attn.q_proj.weight"], tuned["model.layers.1.self_attn.q_proj.weight"].Floats);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Run_StoppedAndResumedElsewhere_GivesTheSameBits(int accumulation)
    {
        using var temporary = new TemporaryFolder();
        var options = Options(13, accumulation);
        using var straight = new FineTuner(Base, options, Examples());
        straight.Run(temporary["straight"], _ => { }, default);
        Stop(options, temporary["stopped"], 7);
        using var resumed = new FineTuner(Base, options, Examples());

        var result = resumed.Run(temporary["stopped"], _ => { }, default);

        Assert.Equal(7, result.ResumedFromStep);
        var (wanted, got) = (straight.CreateAdapter(), resumed.CreateAdapter());
        Assert.All(wanted.Tensors, entry => Assert.Equal(entry.Value.Floats, got.Tensors[entry.Key].Floats));
    }

    [Fact]
    public void Run_Adapter_CheckpointsHoldTheAdapterAndItsMomentsOnly()
    {
        using var temporary = new TemporaryFolder();
        using var tuner = new FineTuner(Base, Options(2), Examples());

        var path = tuner.Run(temporary["run"], _ => { }, default).CheckpointPath;

        var names = tuner.CreateAdapter().Tensors.Keys.Order(StringComparer.Ordinal);
        Assert.All(
            (string[])["weights", "first-moments", "second-moments"],
            file => Assert.Equal(
                names, Fixtures.Read(path, $"{file}.safetensors").Keys.Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void Run_DirectoryOfAnotherAdapter_IsRefused()
    {
        using var temporary = new TemporaryFolder();
        Stop(Options(10), temporary["run"], 5);
        FineTuneOptions With(Action<FineTuneOptions> change)
        {
            var options = Options(10);
            change(options);
            return options;
        }

        FineTuneOptions[] others =
        [
            With(o => o.Lora!.Alpha = 5), With(o => o.Lora!.Rank = 3), With(o => o.Lora!.RankStabilized = true),
            With(o => o.Lora!.Targets = LoraTargets.All), With(o => o.Lora = null),
        ];

        Assert.All(others, options =>
        {
            using var tuner = new FineTuner(Base, options, Examples());
            Assert.Throws<CheckpointMismatchException>(() => tuner.Run(temporary["run"], _ => { }, default));
        });
    }

    [Fact]
    public void Run_SavedAdapter_MergesToTheTunedModel()
    {
        using var temporary = new TemporaryFolder();
        using var tuner = new FineTuner(Base, Options(3), Examples());
        tuner.Run(temporary["run"], _ => { }, default);
        tuner.CreateAdapter().Save(temporary["adapter"]);

        var merged = LoraAdapter.Load(temporary["adapter"], Models.Tiny).Merge(Base).Parameters;

        Assert.All(
            tuner.CreateCheckpoint().Parameters, entry => Assert.Equal(entry.Value.Floats, merged[entry.Key].Floats));
    }

    [Fact]
    public void Constructor_UnusableAdapter_IsRefused()
    {
        LoraOptions[] bad =
        [
            new() { Rank = 0 }, new() { Alpha = 0 }, new() { Alpha = double.NaN }, new() { Targets = LoraTargets.None },
            new() { Targets = (LoraTargets)128 },
        ];
        Assert.All(bad, lora => Assert.Throws<ModelInputException>(
            () => new FineTuner(Base, new FineTuneOptions { Lora = lora }, Examples())));

        using var full = new FineTuner(Base, new FineTuneOptions(), Examples());
        Assert.Throws<InvalidOperationException>(full.CreateAdapter);
    }

    private static FineTuneOptions Options(int steps, int accumulation = 1) => new()
    {
        Steps = steps,
        BatchSize = 5,
        AccumulationSteps = accumulation,
        LearningRate = 2e-2,
        WeightDecay = 0.01,
        CheckpointEverySteps = 5,
        Seed = 8,
        Lora = new LoraOptions { Rank = 6, Alpha = 12, Targets = LoraTargets.Attention | LoraTargets.Down },
    };

    /// <summary>Texts whose answers repeat one token of the prompt: learnable in a few steps.</summary>
    private static TrainingExample[] Examples() => [.. Enumerable.Range(0, 23).Select(i =>
    {
        var answer = Enumerable.Repeat(10 + (i % 3), 2 + (i % 9));
        return new TrainingExample([2, 20 + (i % 3), 30, .. answer, 1], 3);
    })];

    private static void Stop(FineTuneOptions options, string directory, int step)
    {
        using var tuner = new FineTuner(Base, options, Examples());
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => tuner.Run(directory, progress =>
        {
            if (progress.Step == step)
            {
                stop.Cancel();
            }
        }, stop.Token));
    }
}
