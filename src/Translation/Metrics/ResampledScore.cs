namespace Workflows.Translation.Metrics;

/// <summary>A score and its variation over resampled segments.</summary>
/// <param name="Score">The score of all segments.</param>
/// <param name="Mean">Mean over the resamples; null if none were scored.</param>
/// <param name="HalfWidth">Half the width of the 95 % interval; null if none were scored.</param>
public sealed record ResampledScore(MetricScore Score, double? Mean, double? HalfWidth);
