namespace Workflows.Translation.Corpora;

/// <summary>Why a pair was taken out; the first reason that applies, in this order.</summary>
public enum CleaningReason
{
    /// <summary>A side is empty or shows nothing: white space, and characters of no width.</summary>
    Empty,

    /// <summary>A side is longer than <see cref="CleaningOptions.MaxCharacters"/>.</summary>
    TooLong,

    /// <summary>Both sides are the same text: nothing was translated.</summary>
    IdenticalSides,

    /// <summary>A side is not in its language's script.</summary>
    WrongScript,

    /// <summary>One side is much longer than the other, so they are hardly translations.</summary>
    LengthRatio,

    /// <summary>The same pair came before.</summary>
    DuplicatePair,

    /// <summary>The same source, with another translation, came before.</summary>
    DuplicateSource,
}
