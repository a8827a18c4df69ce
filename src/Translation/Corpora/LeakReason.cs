namespace Workflows.Translation.Corpora;

/// <summary>How a training pair gives away a test pair; the first that applies.</summary>
public enum LeakReason
{
    /// <summary>Its Korean side is in the test set.</summary>
    SameKorean,

    /// <summary>Its English side is in the test set.</summary>
    SameEnglish,

    /// <summary>A side differs from one of the test set in spacing or punctuation only.</summary>
    NearDuplicate,
}
