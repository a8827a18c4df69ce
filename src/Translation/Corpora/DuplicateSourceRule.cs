namespace Workflows.Translation.Corpora;

/// <summary>Rules for a sentence that occurs again with another translation; the first is always kept.</summary>
public enum DuplicateSourceRule
{
    /// <summary>Keep several translations of one sentence.</summary>
    Keep,

    /// <summary>Keep one translation for each Korean sentence.</summary>
    RemoveKorean,

    /// <summary>Keep one translation for each English sentence.</summary>
    RemoveEnglish,

    /// <summary>Keep one translation for each sentence of either side.</summary>
    RemoveEither,
}
