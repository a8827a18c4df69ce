using Workflows.TestKit;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Training;

namespace Workflows.TpuWorker.Tests.Gemma3;

public sealed class TrainingCheckpointTests
{
    private static readonly Gemma3Checkpoint Base = Gemma3Checkpoint.CreateRandom(Models.Tiny, 4);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Run_LearnableData_LowersTheLossAndReportsEveryStep(int accumulation)
    {
        using var temporary = new TemporaryFolder();
        using var tuner = new FineTuner(Base, Options(60, accumulation), Examples());
        var seen = new List<TrainingProgress>();

        var result = tuner.Run(temporary["run"], seen.Add, default);

        Assert.True(result.FinalLoss < 0.5 * result.FirstLoss, $"loss {result.FirstLoss} to {result.FinalLoss}");
        Assert.Equal(Enumerable.Range(1, 60), seen.Select(progress => progress.Step));
        Assert.Equal((60, 0, 0), (result.Steps, result.ResumedFromStep, result.SkippedExamples));
        Assert.Equal((seen[0].Loss, seen[^1].Loss, seen[^1].Tokens), (
            result.FirstLoss, result.FinalLoss, result.Tokens));
        Assert.All(seen, progress => Assert.True(progress.CheckpointStep % 5 == 0, $"{progress.CheckpointStep}"));
        Assert.Equal((60, result.CheckpointPath), (seen[^1].CheckpointStep, seen[^1].CheckpointPath));
        Assert.Equal(["step-00000055", "step-00000060"], Names(temporary["run"]));
    }

    [Theory]
    [InlineData(1, 7)]
    [InlineData(1, 10)]
    [InlineData(2, 9)]
    public void Run_StoppedAndResumedElsewhere_GivesTheSameBits(int accumulation, int stopAt)
    {
        using var temporary = new TemporaryFolder();
        var options = Options(17, accumulation);
        using var straight = new FineTuner(Base, options, Examples());
        var wanted = straight.Run(temporary["straight"], _ => { }, default);

        Stop(options, temporary["stopped"], stopAt);
        using var resumed = new FineTuner(Base, options, Examples());
        var got = resumed.Run(temporary["stopped"], _ => { }, default);

        Assert.Equal((stopAt, wanted.FinalLoss, wanted.FirstLoss, wanted.Tokens), (
            got.ResumedFromStep, got.FinalLoss, got.FirstLoss, got.Tokens));
        AssertSameBits(straight, resumed);
    }

    [Fact]
    public void Run_CheckpointsNotInTheBackground_AreReportedAtOnce()
    {
        using var temporary = new TemporaryFolder();
        var options = Options(12);
        options.WriteCheckpointsInBackground = false;
        using var tuner = new FineTuner(Base, options, Examples());
        var seen = new List<TrainingProgress>();

        tuner.Run(temporary["run"], seen.Add, default);

        Assert.Equal([5, 10, 12], seen.Where(progress => progress.CheckpointPath is not null).Select(p => p.Step));
    }

    [Fact]
    public void Run_Finished_ReturnsTheOutcomeAgain()
    {
        using var temporary = new TemporaryFolder();
        using var tuner = new FineTuner(Base, Options(6), Examples());
        var first = tuner.Run(temporary["run"], _ => { }, default);
        using var again = new FineTuner(Base, Options(6), Examples());

        var second = again.Run(temporary["run"], _ => Assert.Fail("a step was taken"), default);

        Assert.Equal((6, first.FinalLoss, first.CheckpointPath), (
            second.ResumedFromStep, second.FinalLoss, second.CheckpointPath));
        AssertSameBits(tuner, again);
    }

    [Theory]
    [InlineData("weights.safetensors", "flip")]
    [InlineData("first-moments.safetensors", "truncate")]
    [InlineData("second-moments.safetensors", "delete")]
    [InlineData("manifest.json", "truncate")]
    [InlineData("manifest.json", "delete")]
    public void Run_NewestCheckpointDamaged_FallsBackToTheOneBefore(string file, string damage)
    {
        using var temporary = new TemporaryFolder();
        var options = Options(14);
        using var straight = new FineTuner(Base, options, Examples());
        straight.Run(temporary["straight"], _ => { }, default);
        Stop(options, temporary["run"], 10);
        Damage(Path.Combine(temporary["run"], "step-00000010", file), damage);
        using var tuner = new FineTuner(Base, options, Examples());

        var result = tuner.Run(temporary["run"], _ => { }, default);

        Assert.Equal(5, result.ResumedFromStep);
        Assert.Contains("step-00000010", Assert.Single(result.DamagedCheckpoints), StringComparison.Ordinal);
        AssertSameBits(straight, tuner);
    }

    [Fact]
    public void Run_LeftoverOfACrashedWrite_IsIgnoredAndReplaced()
    {
        using var temporary = new TemporaryFolder();
        Directory.CreateDirectory(Path.Combine(temporary["run"], "step-00000005.writing"));
        using var tuner = new FineTuner(Base, Options(6), Examples());

        var result = tuner.Run(temporary["run"], _ => { }, default);

        Assert.Equal(0, result.ResumedFromStep);
        Assert.Equal(["step-00000005", "step-00000006"], Names(temporary["run"]));
    }

    [Fact]
    public void Run_DirectoryOfAnotherTraining_IsRefused()
    {
        using var temporary = new TemporaryFolder();
        Stop(Options(10), temporary["run"], 5);
        var other = Options(10);
        other.LearningRate *= 2;
        using var byOptions = new FineTuner(Base, other, Examples());
        using var byData = new FineTuner(Base, Options(10), Examples()[1..]);
        using var byModel = new FineTuner(Gemma3Checkpoint.CreateRandom(Models.Tiny, 5), Options(10), Examples());

        Assert.All([byOptions, byData, byModel], tuner => Assert.Throws<CheckpointMismatchException>(
            () => tuner.Run(temporary["run"], _ => { }, default)));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(14)]
    public void Run_WithAnotherNumberOfSteps_ContinuesACheckpointOfTheEarlierNumber(int steps)
    {
        using var temporary = new TemporaryFolder();
        Stop(Options(10), temporary["run"], 7);
        var options = Options(steps);
        using var refused = new FineTuner(Base, options, Examples());
        Assert.Throws<CheckpointMismatchException>(() => refused.Run(temporary["run"], _ => { }, default));
        options.EarlierSteps = [20, 10];
        using var tuner = new FineTuner(Base, options, Examples());
        var seen = new List<int>();

        var result = tuner.Run(temporary["run"], step => seen.Add(step.Step), default);

        Assert.Equal((7, steps), (result.ResumedFromStep, result.Steps));
        Assert.Equal(Enumerable.Range(8, steps - 7), seen);

        // The checkpoints from here on belong to the new number.
        options.EarlierSteps = [];
        using var again = new FineTuner(Base, options, Examples());
        Assert.Equal(steps, again.Run(temporary["run"], _ => { }, default).ResumedFromStep);
    }

    [Fact]
    public void Run_WithFewerStepsThanTheCheckpointHas_IsRefused()
    {
        using var temporary = new TemporaryFolder();
        Stop(Options(10), temporary["run"], 7);
        var options = Options(6);
        options.EarlierSteps = [10];
        using var tuner = new FineTuner(Base, options, Examples());

        var fault = Assert.Throws<ModelInputException>(() => tuner.Run(temporary["run"], _ => { }, default));

        Assert.Contains("has 7 already", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_OfAnotherTrainingWithAnEarlierNumberOfSteps_IsStillRefused()
    {
        using var temporary = new TemporaryFolder();
        Stop(Options(10), temporary["run"], 5);
        var other = Options(12);
        other.EarlierSteps = [10];
        other.LearningRate *= 2;
        using var tuner = new FineTuner(Base, other, Examples());

        Assert.Throws<CheckpointMismatchException>(() => tuner.Run(temporary["run"], _ => { }, default));
    }

    [Fact]
    public void Run_NotANumber_StopsWithTheStepAndWritesNothing()
    {
        using var temporary = new TemporaryFolder();
        var broken = Gemma3Checkpoint.CreateRandom(Models.Tiny, 4);
        broken.Parameters["model.layers.1.mlp.up_proj.weight"].Floats[3] = float.PositiveInfinity;
        using var tuner = new FineTuner(broken, Options(10), Examples());

        var fault = Assert.Throws<TrainingDivergedException>(
            () => tuner.Run(temporary["run"], _ => Assert.Fail("a step was reported"), default));

        Assert.Equal(("training.diverged", 1), (fault.ErrorCode, fault.Step));
        Assert.False(Directory.Exists(temporary["run"]));
    }

    [Fact]
    public void Constructor_UnusableInput_IsRefusedBeforeAnyWork()
    {
        TrainingExample[][] bad =
        [
            [], [new([1], 1)], [new([1, 2], 0)], [new([1, 2], 2)], [new([1, 96], 1)], [new([1, -2], 1)],
            [new(new int[41], 3)],
        ];
        var options = Options(1);
        options.MaxLength = 40;
        Assert.All(bad, examples => Assert.Throws<ModelInputException>(() => new FineTuner(Base, options, examples)));

        options.BatchSize = 0;
        Assert.Throws<ModelInputException>(() => new FineTuner(Base, options, Examples()));
    }

    [Fact]
    public void Run_LongExamples_AreLeftOutAndCounted()
    {
        using var temporary = new TemporaryFolder();
        var options = Options(1);
        options.MaxLength = 12;
        using var tuner = new FineTuner(Base, options, Examples());

        var result = tuner.Run(temporary["run"], _ => { }, default);

        Assert.Equal(Examples().Count(example => example.Tokens.Length > 12), result.SkippedExamples);
        Assert.True(result.SkippedExamples > 0, "no example is long");
    }

    private static FineTuneOptions Options(int steps, int accumulation = 1) => new()
    {
        Steps = steps,
        BatchSize = 5,
        AccumulationSteps = accumulation,
        LearningRate = 1e-2,
        WarmupSteps = 2,
        WeightDecay = 0.01,
        CheckpointEverySteps = 5,
        KeepCheckpoints = 2,
        Seed = 8,
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

    private static void Damage(string file, string how)
    {
        var bytes = File.ReadAllBytes(file);
        switch (how)
        {
            case "flip":
                bytes[^100] ^= 1;
                File.WriteAllBytes(file, bytes);
                break;
            case "truncate":
                File.WriteAllBytes(file, bytes[..^50]);
                break;
            default:
                File.Delete(file);
                break;
        }
    }

    private static IEnumerable<string?> Names(string directory) =>
        Directory.GetDirectories(directory).Select(Path.GetFileName).Order();

    private static void AssertSameBits(FineTuner expected, FineTuner actual)
    {
        var (wanted, got) = (expected.CreateCheckpoint().Parameters, actual.CreateCheckpoint().Parameters);
        Assert.All(wanted, entry => Assert.Equal(entry.Value.Floats, got[entry.Key].Floats));
    }
}
