namespace Workflows.Translation.Corpora;

/// <summary>One removed pair, for the report.</summary>
/// <param name="Reason">The reason.</param>
/// <param name="Pair">The pair as it was read.</param>
public sealed record CleaningSample(CleaningReason Reason, SentencePair Pair);
