namespace Workflows.Translation.Corpora;

/// <summary>One training pair that was removed because of the test set.</summary>
/// <param name="Reason">The reason.</param>
/// <param name="Pair">The pair.</param>
public sealed record LeakSample(LeakReason Reason, SentencePair Pair);
