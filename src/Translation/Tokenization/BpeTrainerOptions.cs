namespace Workflows.Translation.Tokenization;

/// <summary>Settings of <see cref="BpeTrainer"/>.</summary>
public sealed record BpeTrainerOptions
{
    /// <summary>Entries of the vocabulary, including control tokens and the 256 bytes.</summary>
    /// <value>At least 300, default 3,000. The result has fewer if the text has no more pairs to merge.</value>
    public int VocabularySize { get; init; } = 3000;

    /// <summary>The fewest occurrences of a pair that is merged.</summary>
    /// <value>At least 1, default 2.</value>
    public int MinimumPairCount { get; init; } = 2;

    /// <summary>The fewest occurrences of a character that has a token of its own; rarer ones become bytes.</summary>
    /// <value>At least 1, default 2.</value>
    public int MinimumCharacterCount { get; init; } = 2;
}
