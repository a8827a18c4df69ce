namespace Workflows.Translation.Metrics;

/// <summary>
/// The part of a signature and of a printed score about resampling; it has no mean if only p-values were drawn.
/// </summary>
internal sealed record Resampling(string Kind, int Samples, ulong Seed, double? Mean, double HalfWidth);
