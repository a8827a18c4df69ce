namespace Workflows.Translation.Corpora;

/// <summary>One training pair that was taken out because of the test set.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Pair">The pair.</param>
public sealed record LeakSample(LeakReason Reason, SentencePair Pair);
