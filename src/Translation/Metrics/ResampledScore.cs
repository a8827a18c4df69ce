namespace Workflows.Translation.Metrics;

/// <summary>A score and how far it moves when segments are drawn again.</summary>
/// <param name="Score">The score of all segments.</param>
/// <param name="Mean">Mean over the resamples; null where none were scored.</param>
/// <param name="HalfWidth">Half the width of the 95 % interval; null where none were scored.</param>
public sealed record ResampledScore(MetricScore Score, double? Mean, double? HalfWidth);
