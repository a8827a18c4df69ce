namespace Workflows.Translation.Corpora;

/// <summary>What happens to a sentence that comes again with another translation; the first is kept.</summary>
public enum DuplicateSourceRule
{
    /// <summary>Several translations of one sentence are welcome.</summary>
    Keep,

    /// <summary>One translation for each Korean sentence.</summary>
    RemoveKorean,

    /// <summary>One translation for each English sentence.</summary>
    RemoveEnglish,

    /// <summary>One translation for each sentence of either side.</summary>
    RemoveEither,
}
