namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// The course of the learning rate after the warm-up; each is equal to the schedule with that name in transformers.
/// </summary>
public enum LearningRateDecay
{
    /// <summary>Half a cosine down to 0 at the last step.</summary>
    Cosine,

    /// <summary>A straight line down to 0 at the last step.</summary>
    Linear,

    /// <summary>Stays at the peak.</summary>
    Constant,

    /// <summary>
    /// Peak times sqrt(w / n) at step n after a warm-up of w steps (Vaswani et al. 2017, equation 3); without a warm-up
    /// w is 10,000 and n counts from there.
    /// </summary>
    InverseSquareRoot,
}
