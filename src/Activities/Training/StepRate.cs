namespace Workflows.Activities.Training;

/// <summary>Measures the rate of a training from its loss curve.</summary>
public static class StepRate
{
    /// <summary>Least time and points by which a rate is judged, and the least doubt that is left; chosen.</summary>
    private const double LeastSeconds = 1800, LeastDoubt = 0.001;

    private const int LeastPoints = 6;

    /// <summary>Points of which the rate is taken; chosen.</summary>
    private const int MostPoints = 20;

    /// <summary>
    /// Returns the time of a step by the newest points. Points on both sides of a break belong to different TPUs: the
    /// second one repeats steps of the first, and the time between them belongs to no step.
    /// </summary>
    /// <param name="curve">The points, in any order; of a step done twice, the later one.</param>
    /// <returns>Seconds of a step; null before two points in a row of rising steps.</returns>
    public static double? SecondsPerStep(IEnumerable<MetricPoint> curve)
    {
        var recent = curve.OrderBy(point => point.At).TakeLast(MostPoints).ToList();

        // A worker that starts again on the same node repeats steps, too.
        var first = recent.Count - 1;
        while (first > 0 && recent[first - 1].Step < recent[first].Step)
        {
            first--;
        }

        if (first >= recent.Count - 1)
        {
            return null;
        }

        var steps = recent[^1].Step - recent[first].Step;
        var seconds = (recent[^1].At - recent[first].At).TotalSeconds;
        return seconds > 0 ? seconds / steps : null;
    }

    /// <summary>
    /// Returns the share by which the rest may be slower than the newest points, by all points of one TPU. The farthest
    /// of them from the line between the first and the last is taken for a drift that goes on: a rate that changes
    /// evenly by a share is off that line by a quarter of it in the middle. Pauses that the newest points lack make the
    /// whole slower than they are, and are added.
    /// </summary>
    /// <param name="curve">The points of one TPU.</param>
    /// <returns>The share; null before there is enough to judge by.</returns>
    public static double? Doubt(IEnumerable<MetricPoint> curve)
    {
        List<MetricPoint> points = [.. curve.OrderBy(point => point.At)];
        if (points.Count < LeastPoints || SecondsPerStep(points) is not { } newest
            || (points[^1].At - points[0].At).TotalSeconds is var seconds && seconds < LeastSeconds
            || points[^1].Step - points[0].Step is var steps && steps <= 0)
        {
            return null;
        }

        var whole = seconds / steps;
        var farthest = points.Max(point => Math.Abs(
            (point.At - points[0].At).TotalSeconds - ((point.Step - points[0].Step) * whole)));
        return Math.Max(LeastDoubt, (4 * farthest / seconds) + Math.Max(0, (whole / newest) - 1));
    }
}
