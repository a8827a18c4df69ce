using System.Text.Json;
using System.Text.Json.Nodes;

namespace Workflows.TpuWorker.Gemma3.Checkpoints;

/// <summary>What transformers reads to generate from a folder: the tokens that begin, end and fill up a text.</summary>
internal static class GenerationConfigFile
{
    public const string FileName = "generation_config.json";

    public static string Write(Gemma3Config config) => new JsonObject
    {
        ["bos_token_id"] = config.BeginToken,
        ["eos_token_id"] = new JsonArray([.. config.EndTokens.Select(token => (JsonNode)token)]),
        ["pad_token_id"] = config.PadToken,
        ["do_sample"] = false,
    }.ToJsonString(new JsonSerializerOptions { WriteIndented = true });
}
