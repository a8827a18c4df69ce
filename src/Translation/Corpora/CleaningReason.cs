namespace Workflows.Translation.Corpora;

/// <summary>Reasons to remove a pair; the first one that applies, in this order, counts.</summary>
public enum CleaningReason
{
    /// <summary>A side is empty or invisible: white space, and characters of no width.</summary>
    Empty,

    /// <summary>A side is longer than <see cref="CleaningOptions.MaxCharacters"/>.</summary>
    TooLong,

    /// <summary>Both sides are the same text: nothing was translated.</summary>
    IdenticalSides,

    /// <summary>A side is not in its language's script.</summary>
    WrongScript,

    /// <summary>One side is much longer than the other, so that they are probably no translations.</summary>
    LengthRatio,

    /// <summary>The same pair occurred before.</summary>
    DuplicatePair,

    /// <summary>The same source, with another translation, occurred before.</summary>
    DuplicateSource,
}
