namespace Workflows.Translation;

/// <summary>A Korean sentence and its English translation.</summary>
/// <param name="Ko">The Korean side.</param>
/// <param name="En">The English side.</param>
public readonly record struct SentencePair(string Ko, string En)
{
    /// <summary>Returns the source side.</summary>
    /// <param name="direction">The direction.</param>
    /// <returns>The Korean side for <see cref="TranslationDirection.KoToEn"/>, else the English one.</returns>
    public string Source(TranslationDirection direction) => direction == TranslationDirection.KoToEn ? Ko : En;

    /// <summary>Returns the target side.</summary>
    /// <param name="direction">The direction.</param>
    /// <returns>The English side for <see cref="TranslationDirection.KoToEn"/>, else the Korean one.</returns>
    public string Target(TranslationDirection direction) => direction == TranslationDirection.KoToEn ? En : Ko;
}
