namespace Workflows.Translation.Tokenization;

/// <summary>Settings of <see cref="BpeTrainer"/>.</summary>
public sealed record BpeTrainerOptions
{
    /// <summary>Entries of the vocabulary, control tokens and the 256 bytes included.</summary>
    /// <value>At least 300, default 3,000. Fewer come out where the text has no more pairs to merge.</value>
    public int VocabularySize { get; init; } = 3000;

    /// <summary>How often a pair must occur to be merged.</summary>
    /// <value>At least 1, default 2.</value>
    public int MinimumPairCount { get; init; } = 2;

    /// <summary>How often a character must occur to have a token of its own; rarer ones become bytes.</summary>
    /// <value>At least 1, default 2.</value>
    public int MinimumCharacterCount { get; init; } = 2;
}
