namespace Workflows.Translation.Metrics;

/// <summary>The test behind a p-value.</summary>
public enum PairedTest
{
    /// <summary>Resampled segments, the same for both systems.</summary>
    Bootstrap,

    /// <summary>Outputs of the two systems swapped at random.</summary>
    ApproximateRandomization,
}
