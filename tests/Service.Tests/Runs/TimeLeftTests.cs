using Workflows.Activities.Training;
using Workflows.Service.Runs;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Tests.Runs;

/// <summary>The time left of a training, before and after the loss of a TPU.</summary>
public sealed class TimeLeftTests
{
    private static readonly DateTimeOffset Begin = new(2026, 11, 24, 9, 0, 0, TimeSpan.Zero);

    /// <summary>Two seconds a step: the 20 steps that are left take 40 s.</summary>
    [Fact]
    public void Of_ASteadyTraining_IsTheStepsLeftAtItsRate()
    {
        var curve = Points(1, 60, at: 0, secondsEach: 2);

        Assert.Equal(40, TimeLeft.Of(curve, null, Progress(60, 80)));
    }

    [Fact]
    public void Of_ATrainingThatBecameSlower_IsAtTheRateOfTheNewestPoints()
    {
        var curve = Points(1, 60, at: 0, secondsEach: 1).Concat(Points(61, 80, at: 62, secondsEach: 4)).ToList();

        Assert.Equal(40, TimeLeft.Of(curve, null, Progress(80, 90)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Of_TooFewPoints_IsUnknown(int points) => Assert.Null(
        TimeLeft.Of(Points(1, points, at: 0, secondsEach: 1), null, Progress(points, 80)));

    [Fact]
    public void Of_AJobWithoutLosses_IsUnknown() => Assert.Null(
        TimeLeft.Of(Points(1, 60, at: 0, secondsEach: 1), null, new Progress { Step = 60, Steps = 80 }));

    /// <summary>
    /// Lost at step 60, ten seconds without a TPU, and on from the checkpoint at 50 with half the speed: at every step
    /// the estimate is that of the new node alone, though the curve still has the later steps of the lost one.
    /// </summary>
    [Fact]
    public void Of_EveryStepAfterALoss_IsAtTheRateOfTheNewNodeAlone()
    {
        for (var step = 51; step <= 80; step++)
        {
            var curve = Merged(Points(1, 60, at: 0, secondsEach: 1), Points(51, step, at: 70, secondsEach: 2));

            var left = TimeLeft.Of(curve, Begin.AddSeconds(61), Progress(step, 100));

            Assert.Equal(step == 51 ? null : 2.0 * (100 - step), left);
        }
    }

    /// <summary>No step is repeated, but the search for a TPU between two steps is no part of the rate.</summary>
    [Fact]
    public void Of_ALossAtACheckpoint_LeavesTheSearchOut()
    {
        var curve = Points(1, 50, at: 0, secondsEach: 1).Concat(Points(51, 55, at: 600, secondsEach: 1)).ToList();

        Assert.Equal(45, TimeLeft.Of(curve, Begin.AddSeconds(51), Progress(55, 100)));
        Assert.Null(TimeLeft.Of(
            [.. Points(1, 50, at: 0, secondsEach: 1)], Begin.AddSeconds(51), Progress(50, 100)));
    }

    /// <summary>A worker that starts again on its own node, without a loss, repeats steps, too.</summary>
    [Fact]
    public void Of_AWorkerThatStartedAgain_CountsItsOwnPoints()
    {
        var curve = Merged(Points(1, 60, at: 0, secondsEach: 1), Points(51, 53, at: 90, secondsEach: 3));

        Assert.Equal(3.0 * 47, TimeLeft.Of(curve, null, Progress(53, 100)));
    }

    private static List<MetricPoint> Points(int first, int last, double at, double secondsEach) =>
    [
        .. Enumerable.Range(first, Math.Max(0, last - first + 1)).Select(step => new MetricPoint(
            Begin.AddSeconds(at + ((step - first) * secondsEach)), step, 100, 1, 1e-3, 1, 10, 5, 0)),
    ];

    /// <summary>As the file of the curve is read: by step, of one done twice the later.</summary>
    private static List<MetricPoint> Merged(List<MetricPoint> old, List<MetricPoint> repeated) =>
    [
        .. old.Concat(repeated).GroupBy(point => point.Step).OrderBy(group => group.Key)
            .Select(group => group.MaxBy(point => point.At)!),
    ];

    private static Progress Progress(int step, int steps) => new() { Step = step, Steps = steps, Loss = 1 };
}
