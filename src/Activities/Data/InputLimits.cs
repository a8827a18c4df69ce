namespace Workflows.Activities.Data;

/// <summary>Limits of the work on what users bring.</summary>
/// <param name="Places">Runs whose files are read at once, at least 1.</param>
/// <param name="Time">How long the files of one run may be read for.</param>
public sealed record InputLimits(int Places, TimeSpan Time)
{
    /// <summary>
    /// Gets two places, and two hours each: the largest corpus takes minutes. A model on its way to a bucket may take
    /// longer, as long as something of it arrives within this time.
    /// </summary>
    public static InputLimits Default { get; } = new(2, TimeSpan.FromHours(2));
}
