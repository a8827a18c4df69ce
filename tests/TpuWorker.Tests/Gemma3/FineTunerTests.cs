using System.Text.Json;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Training;

namespace Workflows.TpuWorker.Tests.Gemma3;

public sealed class FineTunerTests
{
    [Theory]
    [InlineData("small", "decay-matrices")]
    [InlineData("small", "decay-all")]
    [InlineData("scaled", "decay-matrices")]
    [InlineData("mqa", "decay-all")]
    public void Run_FiveReferenceSteps_EqualsTransformersAndTorch(string name, string variant)
    {
        var folder = Fixtures.Folder(name);
        using var temporary = new TemporaryFolder();
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, $"adamw.{variant}.json")));
        var (optimizer, steps) = (json.RootElement.GetProperty("optimizer"), json.RootElement.GetProperty("steps"));
        var options = new FineTuneOptions
        {
            Steps = optimizer.GetProperty("totalSteps").GetInt32(),
            WarmupSteps = optimizer.GetProperty("warmupSteps").GetInt32(),
            LearningRate = optimizer.GetProperty("lr").GetDouble(),
            WeightDecay = optimizer.GetProperty("weightDecay").GetDouble(),
            WeightDecayScope = variant == "decay-all" ? WeightDecayScope.All : WeightDecayScope.Matrices,
            BatchSize = 3,
        };
        using var tuner = new FineTuner(Gemma3Checkpoint.Load(folder), options, Fixtures.Examples(folder));
        using var stop = new CancellationTokenSource();
        var seen = new List<TrainingProgress>();

        Assert.Throws<OperationCanceledException>(() => tuner.Run(temporary["run"], progress =>
        {
            seen.Add(progress);
            if (progress.Step == steps.GetArrayLength())
            {
                stop.Cancel();
            }
        }, stop.Token));

        foreach (var (wanted, got) in steps.EnumerateArray().Zip(seen))
        {
            Assert.Equal(wanted.GetProperty("loss").GetDouble(), got.Loss, 1e-3);
            Assert.Equal(wanted.GetProperty("gradNorm").GetDouble(), got.GradientNorm, 1e-3);
            Assert.Equal(wanted.GetProperty("learningRate").GetDouble(), got.LearningRate, 1e-12);
        }

        var tuned = tuner.CreateCheckpoint();
        foreach (var (parameter, expected) in Fixtures.Read(folder, $"adamw.{variant}.safetensors"))
        {
            Compare.Close(expected.Floats, tuned.Parameters[parameter].Floats, 1e-4, parameter);
        }
    }

    [Fact]
    public void Run_AccumulatedSingles_EqualTheWholeBatch()
    {
        var folder = Fixtures.Folder("small");
        var (model, examples) = (Gemma3Checkpoint.Load(folder), Fixtures.Examples(folder));
        TrainingProgress First(int batch, int accumulation)
        {
            using var temporary = new TemporaryFolder();
            var options = new FineTuneOptions { Steps = 1, BatchSize = batch, AccumulationSteps = accumulation };
            using var tuner = new FineTuner(model, options, examples);
            TrainingProgress? first = null;
            tuner.Run(temporary["run"], progress => first = progress, default);
            return first!;
        }

        var (whole, parts) = (First(3, 1), First(1, 3));

        Assert.Equal(whole.Loss, parts.Loss, 1e-5);
        Assert.Equal(whole.GradientNorm, parts.GradientNorm, 1e-5);
        Assert.Equal(whole.Tokens, parts.Tokens);
    }
}
