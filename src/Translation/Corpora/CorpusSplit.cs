namespace Workflows.Translation.Corpora;

/// <summary>A corpus split into training and test pairs.</summary>
/// <param name="Train">The training pairs, in their order.</param>
/// <param name="Test">The test pairs, in their order.</param>
public sealed record CorpusSplit(IReadOnlyList<SentencePair> Train, IReadOnlyList<SentencePair> Test);
