using Workflows.TestKit;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Training;

namespace Workflows.TpuWorker.Tests.Gemma3;

public sealed class EarlyStoppingTests
{
    private static readonly Gemma3Checkpoint Base =
        Gemma3Checkpoint.CreateRandom(Models.Tiny with { InitializerRange = 0.2 }, 4);

    [Fact]
    public void Run_ScoreThatStopsRising_EndsWithTheBestWeights()
    {
        using var temporary = new TemporaryFolder();
        double[] scores = [1, 3, 2, 2.5];
        var measured = 0;
        var models = new List<float[]>();
        var validation = TrainingValidation.OfScore("points", "1", (model, _) =>
        {
            models.Add(model.Read().Parameters["model.norm.weight"].Floats);
            return scores[measured++];
        }, everySteps: 2, patience: 2);
        using var tuner = new FineTuner(Base, Options(40), Examples(), validation);
        var seen = new List<TrainingProgress>();

        var result = tuner.Run(temporary["run"], seen.Add, default);

        Assert.Equal((8, 4, 4, 3.0, true), (
            result.Steps, result.OutputStep, result.BestStep, result.BestScore, result.StoppedEarly));
        Assert.Equal(models[1], tuner.CreateCheckpoint().Parameters["model.norm.weight"].Floats);
        Assert.Equal([null, 1, 1, 3, 3, 2, 2, 2.5], seen.Select(step => step.ValidationScore));
        Assert.Contains("step-00000004", Directory.GetDirectories(temporary["run"]).Select(Path.GetFileName));
    }

    [Fact]
    public void Run_LossOnTheValidationSet_IsTheMeanOfAllItsAnswerTokens()
    {
        using var temporary = new TemporaryFolder();
        var options = Options(1);
        options.LearningRate = 1e-30;
        options.BatchSize = Examples().Length;
        var validation = TrainingValidation.OfLoss(Examples(), everySteps: 1);
        using var tuner = new FineTuner(Base, options, Examples(), validation);

        var result = tuner.Run(temporary["run"], _ => { }, default);

        // A rate of nothing changes nothing: the loss before the step is the loss after it.
        Assert.Equal(result.FirstLoss, result.BestScore!.Value, 1e-5);
    }

    [Theory]
    [InlineData(false, 1, 7)]
    [InlineData(false, 2, 8)]
    [InlineData(true, 1, 9)]
    [InlineData(true, 2, 6)]
    public void Run_StoppedInTheMiddleWithAllAtOnce_GivesTheSameBits(bool lora, int accumulation, int stopAt)
    {
        using var temporary = new TemporaryFolder();
        var options = Options(14, accumulation);
        options.Pack = lora;
        options.Lora = lora ? new LoraOptions { Rank = 3, Dropout = 0.2 } : null;
        options.Decay = LearningRateDecay.InverseSquareRoot;
        TrainingValidation Validation() => TrainingValidation.OfLoss(Examples()[..5], everySteps: 3, patience: 3);
        using var straight = new FineTuner(Base, options, Examples(), Validation());
        var wanted = straight.Run(temporary["straight"], _ => { }, default);

        using (var stopped = new FineTuner(Base, options, Examples(), Validation()))
        {
            using var stop = new CancellationTokenSource();
            Assert.Throws<OperationCanceledException>(() => stopped.Run(
                temporary["stopped"], step => Cancel(step.Step == stopAt, stop), stop.Token));
        }

        using var resumed = new FineTuner(Base, options, Examples(), Validation());
        var got = resumed.Run(temporary["stopped"], _ => { }, default);

        Assert.Equal(stopAt, got.ResumedFromStep);
        Assert.Equal(
            (wanted.Steps, wanted.OutputStep, wanted.BestScore, wanted.FinalLoss, wanted.StoppedEarly),
            (got.Steps, got.OutputStep, got.BestScore, got.FinalLoss, got.StoppedEarly));
        var (expected, actual) = (straight.CreateCheckpoint().Parameters, resumed.CreateCheckpoint().Parameters);
        Assert.All(expected, entry => Assert.Equal(entry.Value.Floats, actual[entry.Key].Floats));
    }

    [Fact]
    public void Run_CancelledWithinAStep_ForgetsTheStepAndResumes()
    {
        using var temporary = new TemporaryFolder();
        using var straight = new FineTuner(Base, Options(6), Examples());
        straight.Run(temporary["straight"], _ => { }, default);
        using var stop = new CancellationTokenSource();
        using var stopped = new FineTuner(Base, Options(6), Examples());
        var passes = 0;
        stopped.BeforePass = _ => Cancel(++passes == 4, stop);

        Assert.Throws<OperationCanceledException>(() => stopped.Run(temporary["stopped"], _ => { }, stop.Token));
        using var resumed = new FineTuner(Base, Options(6), Examples());

        Assert.Equal(3, resumed.Run(temporary["stopped"], _ => { }, default).ResumedFromStep);
        Assert.Equal(
            straight.CreateCheckpoint().Parameters["model.norm.weight"].Floats,
            resumed.CreateCheckpoint().Parameters["model.norm.weight"].Floats);
    }

    [Fact]
    public void Run_Dropout_FollowsTheSeedAndIsOffWhenMeasuring()
    {
        (double Loss, double Score) First(ulong seed, double dropout)
        {
            using var temporary = new TemporaryFolder();
            var options = Options(4);
            options.LearningRate = 1e-2;
            options.Seed = seed;
            options.BatchSize = Examples().Length;
            options.Lora = new LoraOptions { Rank = 3, Dropout = dropout };
            using var tuner = new FineTuner(Base, options, Examples(), TrainingValidation.OfLoss(Examples(), 4));
            var result = tuner.Run(temporary["run"], _ => { }, default);
            return (result.FinalLoss, result.BestScore!.Value);
        }

        Assert.Equal(First(8, 0.5), First(8, 0.5));
        Assert.NotEqual(First(8, 0.5).Loss, First(8, 0).Loss);
        Assert.True(First(8, 0.9).Score < First(8, 0.9).Loss, "what is left out in training is left out in measuring");
    }

    private static void Cancel(bool now, CancellationTokenSource stop)
    {
        if (now)
        {
            stop.Cancel();
        }
    }

    private static FineTuneOptions Options(int steps, int accumulation = 1) => new()
    {
        Steps = steps,
        BatchSize = 5,
        AccumulationSteps = accumulation,
        LearningRate = 3e-3,
        WarmupSteps = 2,
        CheckpointEverySteps = 4,
        Seed = 8,
    };

    private static TrainingExample[] Examples() => [.. Enumerable.Range(0, 17).Select(i =>
        new TrainingExample([2, 20 + (i % 3), 30, .. Enumerable.Repeat(10 + (i % 3), 2 + (i % 9)), 1], 3))];
}
