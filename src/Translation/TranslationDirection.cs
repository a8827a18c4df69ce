namespace Workflows.Translation;

/// <summary>Which of the two languages is translated into the other.</summary>
public enum TranslationDirection
{
    /// <summary>From Korean into English.</summary>
    KoToEn,

    /// <summary>From English into Korean.</summary>
    EnToKo,
}
