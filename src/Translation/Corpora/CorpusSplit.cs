namespace Workflows.Translation.Corpora;

/// <summary>A corpus cut into what is learnt from and what is tested on.</summary>
/// <param name="Train">The pairs to learn from, in their order.</param>
/// <param name="Test">The pairs to test on, in their order.</param>
public sealed record CorpusSplit(IReadOnlyList<SentencePair> Train, IReadOnlyList<SentencePair> Test);
