using System.Globalization;
using Workflows.Activities.Capacity;
using Workflows.Orchestrations;

namespace Workflows.Activities.Deadlines;

/// <summary>
/// Chooses the steps between two checkpoints (ADR 0039). A run with a deadline holds back the time for the most work
/// that a loss can cost, so long pauses between checkpoints end its time on spot early. Where a checkpoint is small,
/// such a run saves one every two minutes, or as often as its request says.
/// </summary>
internal static class CheckpointCadence
{
    /// <summary>Least seconds between two checkpoints; chosen.</summary>
    public const double Shortest = 120;

    /// <summary>Bytes a second at which a checkpoint is written to a disk and a bucket; assumed.</summary>
    private const double BytesPerSecond = 100e6;

    /// <summary>Most of the time that checkpoints are written; chosen. They are written while the training goes on,
    /// except for the copy from the chips.</summary>
    private const double MostWriting = 0.02;

    /// <summary>Returns the wanted time between two checkpoints.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="trainedParameters">The weights that are trained; null if they were not counted, as those of an
    /// adapter may be, which are few.</param>
    /// <returns>Seconds; null for as many steps as the request says.</returns>
    public static double? SecondsOf(RunSpec spec, double? trainedParameters) =>
        spec is { Deadline: not null, Tpu.Fallback: SpotFallback.OnDemand }
            ? Math.Max(
                Shortest, (trainedParameters ?? 0) * RunTraffic.CheckpointWeight / BytesPerSecond / MostWriting)
            : null;

    /// <summary>Returns the steps between two checkpoints.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="time">The run's plan.</param>
    /// <param name="secondsPerStep">Time of a step.</param>
    /// <returns>At most those of the request, at least 1.</returns>
    public static int StepsOf(RunSpec spec, TimeEstimate time, double secondsPerStep)
    {
        var asked = Math.Max(1, spec.Training.CheckpointEverySteps);
        return time.CheckpointSeconds is { } seconds && secondsPerStep > 0
            ? (int)Math.Clamp(seconds / secondsPerStep, 1, asked) : asked;
    }

    /// <summary>Says that a run saves checkpoints more often than its request says.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="time">The run's plan.</param>
    /// <param name="steps">Steps of the plan.</param>
    /// <returns>One sentence, or none.</returns>
    public static IEnumerable<string> Words(RunSpec spec, TimeEstimate time, int steps)
    {
        var every = StepsOf(spec, time, time.Train / Math.Max(1, steps));
        return every < spec.Training.CheckpointEverySteps
            ? [string.Create(
                CultureInfo.InvariantCulture,
                $"Checkpoints every {every} steps, not training.checkpointEverySteps: the deadline leaves more time "
                + $"for spot nodes if a loss costs less than {time.CheckpointSeconds:0} s.")]
            : [];
    }
}
