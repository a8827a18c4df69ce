namespace Workflows.Translation.Corpora;

/// <summary>Training pairs without leaks from the test set.</summary>
/// <param name="Train">The remaining pairs, in their order.</param>
/// <param name="Removed">Removed pairs by reason; a reason that did not occur is absent.</param>
/// <param name="Samples">The first few removed pairs for each reason.</param>
public sealed record LeakFreeCorpus(
    IReadOnlyList<SentencePair> Train,
    IReadOnlyDictionary<LeakReason, long> Removed,
    IReadOnlyList<LeakSample> Samples);
