using System.Text.Json;
using Workflows.Translation;
using Workflows.TpuWorker.Gemma3;

namespace Workflows.TpuWorker.Host;

/// <summary>
/// How a tuned model or an adapter was taught to be asked, kept in its folder: asked in other words it translates
/// worse.
/// </summary>
/// <param name="Directions">One direction, or both.</param>
/// <param name="Prompt">translategemma or brief.</param>
/// <param name="PromptTemplate">chat or plain.</param>
internal sealed record TranslationCard(
    IReadOnlyList<TranslationDirection> Directions, string Prompt, string PromptTemplate)
{
    public const string FileName = "translation.json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Reads the card of a model or an adapter.</summary>
    /// <returns>Null where the folder has none: it was made elsewhere.</returns>
    /// <exception cref="CheckpointFormatException">It has one that says nothing.</exception>
    public static TranslationCard? TryRead(string directory)
    {
        var path = Path.Combine(directory, FileName);
        try
        {
            return !File.Exists(path)
                ? null
                : JsonSerializer.Deserialize<Document>(File.ReadAllText(path), Json) is
                {
                    Prompt: "translategemma" or "brief",
                    PromptTemplate: "chat" or "plain",
                } document && TranslationDirections.TryParse(document.Direction, out var directions)
                    ? new TranslationCard(directions, document.Prompt, document.PromptTemplate)
                    : throw new JsonException(
                        "direction must be ko-en, en-ko or both, prompt translategemma or brief, promptTemplate chat "
                        + "or plain");
        }
        catch (JsonException fault)
        {
            throw new CheckpointFormatException(
                path, $"cannot be read: {fault.Message}; mend it, or delete it and name --prompt", fault);
        }
    }

    /// <summary>Writes the card beside the weights.</summary>
    public void Write(string directory) =>
        File.WriteAllText(
            Path.Combine(directory, FileName),
            JsonSerializer.Serialize(new Document(Directions.Code(), Prompt, PromptTemplate), Json) + "\n");

    private sealed record Document(string Direction, string Prompt, string PromptTemplate);
}
