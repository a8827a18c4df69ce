namespace Workflows.Translation.Metrics;

/// <summary>Ways to split a line into words for BLEU; the name is part of the signature.</summary>
public enum BleuTokenizer
{
    /// <summary>"13a", of mteval-v13a: separates punctuation; the usual choice for English.</summary>
    Mteval13a,

    /// <summary>"char": each character is a word; for Korean without a morphological analyser.</summary>
    Character,

    /// <summary>"none": the line is tokenized already.</summary>
    None,

    /// <summary>"intl", of mteval-v14: punctuation and symbols by Unicode class.</summary>
    International,

    /// <summary>"zh": separates Chinese characters, and treats the rest as 13a.</summary>
    Chinese,

    /// <summary>"ko-mecab", Korean morphemes; needs <see cref="BleuOptions.MecabDictionary"/>.</summary>
    KoreanMecab,
}
