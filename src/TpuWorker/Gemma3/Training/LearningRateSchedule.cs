namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// Computes a linear rise, then the chosen decay; equal to transformers' get_scheduler for cosine, linear,
/// constant_with_warmup and inverse_sqrt.
/// </summary>
internal static class LearningRateSchedule
{
    private const int InverseRootSteps = 10_000;

    /// <param name="options">Peak, warm-up, decay and number of steps.</param>
    /// <param name="done">Steps done before this one: 0 for the first, whose rate is 0 if there is a warm-up.</param>
    public static double At(FineTuneOptions options, int done) => options.LearningRate * Factor(options, done);

    private static double Factor(FineTuneOptions options, int done)
    {
        if (done < options.WarmupSteps)
        {
            return (double)done / options.WarmupSteps;
        }

        var progress = (double)(done - options.WarmupSteps) / Math.Max(1, options.Steps - options.WarmupSteps);
        var scale = options.WarmupSteps == 0 ? InverseRootSteps : options.WarmupSteps;
        return options.Decay switch
        {
            LearningRateDecay.Cosine => 0.5 * (1 + Math.Cos(Math.PI * progress)),
            LearningRateDecay.Linear => Math.Max(0, 1 - progress),
            LearningRateDecay.InverseSquareRoot => 1 / Math.Sqrt((double)(done + scale - options.WarmupSteps) / scale),
            _ => 1,
        };
    }
}
