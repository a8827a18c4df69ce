using Workflows.Activities.Training;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Runs;

/// <summary>Estimates the time until a training's steps are done, from its loss curve.</summary>
internal static class TimeLeft
{
    /// <summary>
    /// Returns the seconds left at the rate of the newest points. Only points of the node that works now count: it
    /// repeats steps of the lost one, and the time between the two belongs to no step.
    /// </summary>
    /// <param name="curve">The points, in any order; of a step done twice, the later one.</param>
    /// <param name="lostAt">The time of the last loss of a TPU; null without one.</param>
    /// <param name="progress">The newest progress of the job.</param>
    /// <returns>Seconds, 0 or more; null for a job without losses, or before the node has made two points.</returns>
    public static double? Of(IReadOnlyList<MetricPoint> curve, DateTimeOffset? lostAt, Progress progress)
    {
        var seconds = progress.Loss <= 0
            ? null : StepRate.SecondsPerStep(curve.Where(point => lostAt is null || point.At > lostAt));
        return Math.Max(0, progress.Steps - progress.Step) * seconds;
    }
}
