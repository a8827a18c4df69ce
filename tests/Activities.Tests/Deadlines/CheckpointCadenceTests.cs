using Workflows.Activities.Deadlines;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Deadlines;

/// <summary>The steps between two checkpoints of runs with and without a deadline.</summary>
public sealed class CheckpointCadenceTests
{
    private static readonly RunSpec Spec = DeadlineRun.Spec with
    {
        Deadline = new DateTimeOffset(2026, 11, 30, 9, 0, 0, TimeSpan.Zero),
        Training = new TrainingSpec { Steps = 1000, CheckpointEverySteps = 100 },
    };

    /// <summary>A checkpoint has 12 bytes for each weight, and is written in 2 % of the time at 100 MB a second: 6e-6
    /// seconds for each weight.</summary>
    [Theory]
    [InlineData(null, 120.0)]
    [InlineData(13e6, 120.0)]
    [InlineData(50e6, 300.0)]
    [InlineData(1e9, 6000.0)]
    public void SecondsOf_ARunWithADeadline_GoByTheSizeOfACheckpoint(double? trained, double seconds) =>
        Assert.Equal(seconds, CheckpointCadence.SecondsOf(Spec, trained)!.Value, 6);

    /// <summary>Nothing is held back without a deadline, or where no on-demand node finishes the work.</summary>
    [Fact]
    public void SecondsOf_ARunThatHoldsNothingBack_AreThoseOfTheRequest()
    {
        Assert.Null(CheckpointCadence.SecondsOf(Spec with { Deadline = null }, 1));
        Assert.Null(CheckpointCadence.SecondsOf(
            Spec with { Tpu = Spec.Tpu with { Fallback = SpotFallback.None } }, 1));
    }

    [Theory]
    [InlineData(120.0, 10, 12)]
    [InlineData(120.0, 11, 10)]
    [InlineData(120.0, 0.5, 100)]
    [InlineData(120.0, 500, 1)]
    [InlineData(120.0, 0, 100)]
    [InlineData(120.0, double.NaN, 100)]
    [InlineData(120.0, double.PositiveInfinity, 1)]
    [InlineData(null, 10, 100)]
    public void StepsOf_ARate_AreAtMostThoseOfTheRequest(double? seconds, double secondsPerStep, int steps) =>
        Assert.Equal(steps, CheckpointCadence.StepsOf(Spec, Time(seconds), secondsPerStep));

    [Fact]
    public void Words_OfAShorterPause_NameItsSteps()
    {
        Assert.Contains("every 12 steps", Assert.Single(CheckpointCadence.Words(Spec, Time(120), 1000)),
            StringComparison.Ordinal);
        Assert.Empty(CheckpointCadence.Words(Spec, Time(null), 1000));
        Assert.Empty(CheckpointCadence.Words(Spec, Time(6000), 1000));
    }

    private static TimeEstimate Time(double? seconds) => new(0, 10_000, 0, 1e9, 1, 1, 1, "")
    {
        CheckpointSeconds = seconds,
    };
}
