namespace Workflows.TpuWorker.Gemma3;

/// <summary>Languages of a translation.</summary>
/// <param name="Source">Name of the source language in English, such as "Korean".</param>
/// <param name="SourceCode">Its code, such as "ko".</param>
/// <param name="Target">Name of the target language in English.</param>
/// <param name="TargetCode">Its code.</param>
public sealed record TranslationDirection(string Source, string SourceCode, string Target, string TargetCode)
{
    /// <summary>From Korean to English.</summary>
    public static TranslationDirection KoreanToEnglish { get; } = new("Korean", "ko", "English", "en");

    /// <summary>From English to Korean.</summary>
    public static TranslationDirection EnglishToKorean { get; } = new("English", "en", "Korean", "ko");
}
