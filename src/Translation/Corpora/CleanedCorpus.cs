namespace Workflows.Translation.Corpora;

/// <summary>A corpus after cleaning.</summary>
/// <param name="Pairs">The remaining pairs, trimmed, in their order.</param>
/// <param name="Removed">Removed pairs by reason; a reason that did not occur is absent.</param>
/// <param name="Samples">The first few removed pairs for each reason.</param>
public sealed record CleanedCorpus(
    IReadOnlyList<SentencePair> Pairs,
    IReadOnlyDictionary<CleaningReason, long> Removed,
    IReadOnlyList<CleaningSample> Samples);
