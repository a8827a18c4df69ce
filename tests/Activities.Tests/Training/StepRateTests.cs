using Workflows.Activities.Training;

namespace Workflows.Activities.Tests.Training;

/// <summary>How far the rest of a training may be slower than its newest points.</summary>
public sealed class StepRateTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 29, 9, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Doubt_OfAnEvenRate_IsTheLeast() => Assert.Equal(0.001, StepRate.Doubt(Curve(_ => 60)));

    /// <summary>Steps that grow evenly from 58.2 to 61.8 s: the last ones are 3 % above the mean, and the points lie
    /// about three quarters of a percent off the line.</summary>
    [Fact]
    public void Doubt_OfADrift_IsTheDriftThatGoesOn() =>
        Assert.InRange(StepRate.Doubt(Curve(step => 58.2 + (step * 3.6 / 100)))!.Value, 0.028, 0.032);

    /// <summary>The newest 20 points have no pause: with one of 60 s after each 50 steps of 60 s the whole is 2 %
    /// slower, and its points are off the line for a pause.</summary>
    [Fact]
    public void Doubt_OfPausesThatTheNewestPointsLack_HasThem() =>
        Assert.InRange(StepRate.Doubt(Curve(step => step is 25 or 75 ? 120 : 60))!.Value, 0.02, 0.06);

    [Theory]
    [InlineData(40, 40)]
    [InlineData(5, 600)]
    public void Doubt_OfTooLittle_IsUnknown(int steps, double seconds)
    {
        Assert.Null(StepRate.Doubt(Curve(_ => seconds, steps)));
        Assert.NotNull(StepRate.Doubt(Curve(_ => seconds, steps * 2)));
    }

    [Fact]
    public void Doubt_OfNothing_IsUnknown() => Assert.Null(StepRate.Doubt([]));

    private static List<MetricPoint> Curve(Func<int, double> seconds, int steps = 100)
    {
        var points = new List<MetricPoint>();
        var at = Start;
        for (var step = 1; step <= steps; step++)
        {
            at = at.AddSeconds(seconds(step));
            points.Add(new MetricPoint(at, step, 1000, 2, 0.001, 1, step, 1, 0));
        }

        return points;
    }
}
