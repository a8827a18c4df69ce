namespace Workflows.Translation.Corpora;

/// <summary>Settings of <see cref="CorpusCleaner"/>.</summary>
public sealed record CleaningOptions
{
    /// <summary>The longest side.</summary>
    /// <value>UTF-16 characters, at least 1, default 1,000.</value>
    public int MaxCharacters { get; init; } = 1000;

    /// <summary>The most that a side may be longer than expected from the other one, as a ratio.</summary>
    /// <value>
    /// Above 1, default 3. English is assumed to have 1.9 characters for each Korean one, and eight characters are
    /// added to both sides, so that short answers are not affected.
    /// </value>
    public double MaxLengthRatio { get; init; } = 3;

    /// <summary>The smallest share of Hangul among the letters of the Korean side.</summary>
    /// <value>0 to 1, default 0.3: names and units may be Latin.</value>
    public double MinHangulShare { get; init; } = 0.3;

    /// <summary>The smallest share of Latin among the letters of the English side.</summary>
    /// <value>0 to 1, default 0.7.</value>
    public double MinLatinShare { get; init; } = 0.7;

    /// <summary>The rule for a sentence that occurs again with another translation.</summary>
    /// <value>Default <see cref="DuplicateSourceRule.RemoveKorean"/>.</value>
    public DuplicateSourceRule DuplicateSources { get; init; } = DuplicateSourceRule.RemoveKorean;

    /// <summary>Removed pairs that are kept as samples for each reason.</summary>
    /// <value>At least 0, default 5.</value>
    public int SamplesPerReason { get; init; } = 5;
}
