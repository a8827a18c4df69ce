namespace Workflows.Translation.Corpora;

/// <summary>One pair that was taken out, for the report.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Pair">The pair as it was read.</param>
public sealed record CleaningSample(CleaningReason Reason, SentencePair Pair);
