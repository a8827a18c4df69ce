using Workflows.Translation;

namespace Workflows.TpuWorker.Gemma3;

/// <summary>
/// Builds Gemma's chat template around a translation request, as text to be tokenized. Prompt and answer form one text,
/// <c>BuildPrompt(...) + answer + AnswerSuffix</c>, of which only the part after the prompt is trained.
/// </summary>
/// <remarks>
/// The control tokens are part of the text by name. A source text that contains such a name would become that token, so
/// it must be escaped or refused before.
/// </remarks>
public static class GemmaPrompt
{
    /// <summary>Begins every text.</summary>
    public const string BeginOfText = "<bos>";

    /// <summary>Begins a turn of the conversation.</summary>
    public const string StartOfTurn = "<start_of_turn>";

    /// <summary>Ends a turn, and with it a generated answer.</summary>
    public const string EndOfTurn = "<end_of_turn>";

    /// <summary>The token after an answer in training. Decoding stops at it.</summary>
    public const string AnswerSuffix = EndOfTurn;

    private static readonly (string Name, string Code) Korean = ("Korean", "ko"), English = ("English", "en");

    /// <summary>Returns the English name of the source language.</summary>
    /// <param name="direction">The direction.</param>
    /// <returns>Korean or English.</returns>
    public static string SourceLanguage(TranslationDirection direction) =>
        (direction == TranslationDirection.KoToEn ? Korean : English).Name;

    /// <summary>Returns the English name of the target language.</summary>
    /// <param name="direction">The direction.</param>
    /// <returns>English or Korean.</returns>
    public static string TargetLanguage(TranslationDirection direction) =>
        (direction == TranslationDirection.KoToEn ? English : Korean).Name;

    /// <summary>Builds the text up to the beginning of the answer.</summary>
    /// <param name="style">Wording of the request.</param>
    /// <param name="direction">The direction.</param>
    /// <param name="source">The text to translate.</param>
    /// <returns>The prompt, with <see cref="BeginOfText"/> in front.</returns>
    public static string BuildPrompt(PromptStyle style, TranslationDirection direction, string source) =>
        $"{BeginOfText}{StartOfTurn}user\n{BuildRequest(style, direction, source)}{EndOfTurn}\n{StartOfTurn}model\n";

    /// <summary>Builds the request, without the chat template.</summary>
    /// <param name="style">Wording of the request.</param>
    /// <param name="direction">The direction.</param>
    /// <param name="source">The text to translate.</param>
    /// <returns>The text of the user's turn.</returns>
    public static string BuildRequest(PromptStyle style, TranslationDirection direction, string source)
    {
        var toEnglish = direction == TranslationDirection.KoToEn;
        var (from, fromCode) = toEnglish ? Korean : English;
        var (to, toCode) = toEnglish ? English : Korean;
        return style == PromptStyle.Brief
            ? $"Translate {from} to {to}: {source}"
            : $"You are a professional {from} ({fromCode}) to {to} ({toCode}) translator. Your goal is to accurately "
                + $"convey the meaning and nuances of the original {from} text while adhering to {to} grammar, "
                + $"vocabulary, and cultural sensitivities.\nProduce only the {to} translation, without any additional "
                + $"explanations or commentary. Please translate the following {from} text into {to}:\n\n\n{source}";
    }
}
