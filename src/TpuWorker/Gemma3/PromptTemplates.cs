using System.Text.Json;
using Workflows.TpuWorker.Gemma3.Checkpoints;

namespace Workflows.TpuWorker.Gemma3;

/// <summary>Tells from a checkpoint's files which template it was made for.</summary>
public static class PromptTemplates
{
    private static readonly string[] TemplateFiles = ["chat_template.jinja", "chat_template.json"];

    /// <summary>
    /// Chat where the folder brings a chat template, on its own or in tokenizer_config.json. Where there is no
    /// tokenizer_config.json to say, chat if the end of a turn is among the tokens that end a text; else plain.
    /// </summary>
    /// <param name="directory">A Hugging Face model folder.</param>
    /// <param name="endOfTurn">The token that ends a turn.</param>
    /// <returns>The template.</returns>
    /// <exception cref="CheckpointFormatException">A file cannot be read.</exception>
    public static PromptTemplate Detect(string directory, int endOfTurn)
    {
        if (Array.Exists(TemplateFiles, file => File.Exists(Path.Combine(directory, file))))
        {
            return PromptTemplate.Chat;
        }

        var tokenizer = Path.Combine(directory, "tokenizer_config.json");
        var isChat = File.Exists(tokenizer)
            ? Read(tokenizer, root => root.TryGetProperty("chat_template", out var template)
                && template.ValueKind != JsonValueKind.Null)
            : Gemma3ConfigFile.Read(Path.Combine(directory, Gemma3ConfigFile.FileName)).EndTokens.Contains(endOfTurn)
                || EndsGeneration(Path.Combine(directory, "generation_config.json"), endOfTurn);
        return isChat ? PromptTemplate.Chat : PromptTemplate.Plain;
    }

    private static bool EndsGeneration(string path, int token) => File.Exists(path) && Read(path, root =>
        root.TryGetProperty("eos_token_id", out var ends) && ends.ValueKind switch
        {
            JsonValueKind.Array => ends.EnumerateArray().Any(end => end.GetInt32() == token),
            JsonValueKind.Number => ends.GetInt32() == token,
            _ => false,
        });

    private static bool Read(string path, Predicate<JsonElement> says)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return says(document.RootElement);
        }
        catch (Exception fault) when (fault is JsonException or IOException or UnauthorizedAccessException
            or InvalidOperationException or FormatException)
        {
            throw new CheckpointFormatException(path, $"cannot be read: {fault.Message}", fault);
        }
    }
}
