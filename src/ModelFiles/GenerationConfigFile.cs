using System.Text.Json;
using System.Text.Json.Nodes;

namespace Workflows.ModelFiles;

/// <summary>
/// Reads and writes <c>generation_config.json</c>, from which transformers and others take the tokens that begin, end
/// and pad a text.
/// </summary>
public static class GenerationConfigFile
{
    /// <summary>Name of the file in a model folder.</summary>
    public const string FileName = "generation_config.json";

    private const string EndKey = "eos_token_id";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Reads the tokens that end a text.</summary>
    /// <param name="path">The file, which may be absent.</param>
    /// <returns>The token ids; empty if the file is absent or has none.</returns>
    /// <exception cref="ModelFileException">The file is damaged.</exception>
    public static IReadOnlyList<int> ReadEndTokens(string path) => !File.Exists(path)
        ? []
        : JsonFile.Read(path, FileLimits.Configuration, root => new JsonProperties(path, root).Tokens(EndKey) ?? []);

    /// <summary>Creates the file for a model.</summary>
    /// <param name="config">The model.</param>
    /// <returns>The file's text.</returns>
    public static string Write(Gemma3Config config) => new JsonObject
    {
        ["bos_token_id"] = config.BeginToken,
        [EndKey] = Tokens(config.EndTokens),
        ["pad_token_id"] = config.PadToken,
        ["do_sample"] = false,
    }.ToJsonString(Indented);

    /// <summary>Creates the file of a model that was made from another: its file, with the end tokens of
    /// both.</summary>
    /// <param name="path">The other model's file.</param>
    /// <param name="config">The model.</param>
    /// <returns>The file's text.</returns>
    /// <exception cref="ModelFileException">The other model's file is damaged.</exception>
    public static string WriteFrom(string path, Gemma3Config config)
    {
        var ends = ReadEndTokens(path);
        return JsonFile.Read(path, FileLimits.Configuration, root =>
        {
            var json = JsonObject.Create(root.Clone())!;
            json[EndKey] = Tokens(ends.Union(config.EndTokens));
            return json.ToJsonString(Indented);
        });
    }

    private static JsonArray Tokens(IEnumerable<int> tokens) => [.. tokens.Select(token => (JsonNode)token)];
}
