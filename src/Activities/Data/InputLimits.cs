namespace Workflows.Activities.Data;

/// <summary>Limits of the work on what users bring.</summary>
/// <param name="Places">Runs whose files are read at once, at least 1.</param>
/// <param name="Time">How long the files of one run may be read for.</param>
public sealed record InputLimits(int Places, TimeSpan Time)
{
    /// <summary>
    /// Gets two places, and two hours each: the largest corpus takes minutes, a model of 4B on its way to a bucket an
    /// hour at 20 Mbit/s.
    /// </summary>
    public static InputLimits Default { get; } = new(2, TimeSpan.FromHours(2));
}
