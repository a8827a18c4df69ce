namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>Linear rise, then a cosine to zero; equal to transformers' get_cosine_schedule_with_warmup.</summary>
internal static class LearningRateSchedule
{
    /// <param name="options">Peak, warm-up and number of steps.</param>
    /// <param name="done">Steps done before this one: 0 for the first, whose rate is 0 if there is a warm-up.</param>
    public static double At(FineTuneOptions options, int done)
    {
        if (done < options.WarmupSteps)
        {
            return options.LearningRate * done / options.WarmupSteps;
        }

        var progress = (double)(done - options.WarmupSteps) / Math.Max(1, options.Steps - options.WarmupSteps);
        return options.LearningRate * 0.5 * (1 + Math.Cos(Math.PI * progress));
    }
}
