using System.Text.Json;

namespace Workflows.TpuWorker.Host;

/// <summary>
/// How a tuned model was taught to be asked, kept in its folder: asked in other words it translates worse.
/// </summary>
/// <param name="Direction">ko-en, en-ko or both.</param>
/// <param name="Prompt">translategemma or brief.</param>
/// <param name="PromptTemplate">chat or plain.</param>
internal sealed record TranslationCard(string Direction, string Prompt, string PromptTemplate)
{
    public const string FileName = "translation.json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Reads a model's card.</summary>
    /// <returns>Null where the folder has none, or none that can be read: the model was made elsewhere.</returns>
    public static TranslationCard? TryRead(string directory)
    {
        var path = Path.Combine(directory, FileName);
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<TranslationCard>(File.ReadAllText(path), Json) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Writes the card beside the model.</summary>
    public void Write(string directory) =>
        File.WriteAllText(Path.Combine(directory, FileName), JsonSerializer.Serialize(this, Json) + "\n");
}
