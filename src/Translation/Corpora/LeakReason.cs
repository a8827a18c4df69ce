namespace Workflows.Translation.Corpora;

/// <summary>Ways in which a training pair leaks a test pair; the first that applies counts.</summary>
public enum LeakReason
{
    /// <summary>Its Korean side is in the test set.</summary>
    SameKorean,

    /// <summary>Its English side is in the test set.</summary>
    SameEnglish,

    /// <summary>A side differs from one of the test set only in spacing or punctuation.</summary>
    NearDuplicate,
}
