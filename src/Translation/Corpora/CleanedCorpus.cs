namespace Workflows.Translation.Corpora;

/// <summary>A corpus after cleaning.</summary>
/// <param name="Pairs">The pairs that stay, trimmed, in their order.</param>
/// <param name="Removed">Pairs taken out, by reason; a reason that did not occur is absent.</param>
/// <param name="Samples">The first few pairs taken out for each reason.</param>
public sealed record CleanedCorpus(
    IReadOnlyList<SentencePair> Pairs,
    IReadOnlyDictionary<CleaningReason, long> Removed,
    IReadOnlyList<CleaningSample> Samples);
