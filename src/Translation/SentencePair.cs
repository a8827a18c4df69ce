namespace Workflows.Translation;

/// <summary>One Korean sentence and the English sentence that means the same.</summary>
/// <param name="Ko">The Korean side.</param>
/// <param name="En">The English side.</param>
public readonly record struct SentencePair(string Ko, string En)
{
    /// <summary>The side that is translated from.</summary>
    /// <param name="direction">Which way the translation goes.</param>
    /// <returns>The Korean side for <see cref="TranslationDirection.KoToEn"/>, else the English one.</returns>
    public string Source(TranslationDirection direction) => direction == TranslationDirection.KoToEn ? Ko : En;

    /// <summary>The side that is translated into.</summary>
    /// <param name="direction">Which way the translation goes.</param>
    /// <returns>The English side for <see cref="TranslationDirection.KoToEn"/>, else the Korean one.</returns>
    public string Target(TranslationDirection direction) => direction == TranslationDirection.KoToEn ? En : Ko;
}
