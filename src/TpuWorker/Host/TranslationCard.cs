using System.Text.Json;
using Workflows.ModelFiles;
using Workflows.Translation;

namespace Workflows.TpuWorker.Host;

/// <summary>
/// The prompt with which a tuned model or an adapter was trained, stored in its folder. With another prompt it
/// translates worse.
/// </summary>
/// <param name="Directions">One direction, or both.</param>
/// <param name="Prompt">translategemma or brief.</param>
/// <param name="PromptTemplate">chat or plain.</param>
public sealed record TranslationCard(
    IReadOnlyList<TranslationDirection> Directions, string Prompt, string PromptTemplate)
{
    /// <summary>The card's name in the folder of the model or adapter.</summary>
    public const string FileName = "translation.json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Reads the card of a model or an adapter.</summary>
    /// <param name="directory">The folder.</param>
    /// <returns>null if the folder has none, because it was made elsewhere.</returns>
    /// <exception cref="ModelFileException">The card is damaged, or has other values.</exception>
    public static TranslationCard? TryRead(string directory)
    {
        var path = Path.Combine(directory, FileName);
        try
        {
            return Path.Exists(path) ? JsonFile.Read(path, FileLimits.Configuration, root => Parse(path, root)) : null;
        }
        catch (ModelFileException fault)
        {
            // The model does not need its card, so another fix than a new download is given.
            throw new ModelFileException(
                path, fault.Problem, fix: "Correct the file, or delete it and name --prompt.", innerException: fault);
        }
    }

    /// <summary>Writes the card beside the weights.</summary>
    /// <param name="directory">The folder of the model or adapter.</param>
    public void Write(string directory) =>
        File.WriteAllText(
            Path.Combine(directory, FileName),
            JsonSerializer.Serialize(new Document(Directions.Code(), Prompt, PromptTemplate), Json) + "\n");

    private static TranslationCard Parse(string path, JsonElement root)
    {
        var card = new JsonProperties(path, root);
        // The set of directions is Translation's: no value is accepted that TryParse does not parse.
        _ = TranslationDirections.TryParse(OneOf("direction", "ko-en", "en-ko", "both"), out var directions);
        return new TranslationCard(
            directions, OneOf("prompt", "translategemma", "brief"), OneOf("promptTemplate", "chat", "plain"));

        string OneOf(string key, params string[] values) => card.Text(key) is { } text && values.Contains(text)
            ? text
            : throw new ModelFileException(
                path, $"{key} is '{card.Text(key)}', wanted {string.Join(" or ", values)}");
    }

    private sealed record Document(string Direction, string Prompt, string PromptTemplate);
}
