namespace Workflows.Translation.Metrics;

/// <summary>
/// What a signature and a printed score say about resampling; no mean where only p-values were drawn.
/// </summary>
internal sealed record Resampling(string Kind, int Samples, ulong Seed, double? Mean, double HalfWidth);
