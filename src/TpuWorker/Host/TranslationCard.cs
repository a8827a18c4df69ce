using System.Text.Json;
using Workflows.TpuWorker.Gemma3;

namespace Workflows.TpuWorker.Host;

/// <summary>
/// How a tuned model or an adapter was taught to be asked, kept in its folder: asked in other words it translates
/// worse.
/// </summary>
/// <param name="Direction">ko-en, en-ko or both.</param>
/// <param name="Prompt">translategemma or brief.</param>
/// <param name="PromptTemplate">chat or plain.</param>
public sealed record TranslationCard(string Direction, string Prompt, string PromptTemplate)
{
    /// <summary>The card's name in the folder of the model or adapter.</summary>
    public const string FileName = "translation.json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Reads the card of a model or an adapter.</summary>
    /// <param name="directory">The folder.</param>
    /// <returns>Null where the folder has none: it was made elsewhere.</returns>
    /// <exception cref="CheckpointFormatException">The card is damaged, or has other values.</exception>
    public static TranslationCard? TryRead(string directory)
    {
        var path = Path.Combine(directory, FileName);
        try
        {
            return !File.Exists(path)
                ? null
                : JsonSerializer.Deserialize<TranslationCard>(File.ReadAllText(path), Json) is
                {
                    Direction: "ko-en" or "en-ko" or "both",
                    Prompt: "translategemma" or "brief",
                    PromptTemplate: "chat" or "plain",
                } card
                    ? card
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
    /// <param name="directory">The folder of the model or adapter.</param>
    public void Write(string directory) =>
        File.WriteAllText(Path.Combine(directory, FileName), JsonSerializer.Serialize(this, Json) + "\n");
}
