namespace Workflows.Activities.Training;

/// <summary>Measures the rate of a training from its loss curve.</summary>
public static class StepRate
{
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
}
