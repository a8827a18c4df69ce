namespace Workflows.Translation.Corpora;

/// <summary>Training pairs that give nothing of the test set away.</summary>
/// <param name="Train">The pairs that stay, in their order.</param>
/// <param name="Removed">Pairs taken out, by reason; a reason that did not occur is absent.</param>
/// <param name="Samples">The first few pairs taken out for each reason.</param>
public sealed record LeakFreeCorpus(
    IReadOnlyList<SentencePair> Train,
    IReadOnlyDictionary<LeakReason, long> Removed,
    IReadOnlyList<LeakSample> Samples);
