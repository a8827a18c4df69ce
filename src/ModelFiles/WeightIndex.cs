using System.Text.Json;

namespace Workflows.ModelFiles;

/// <summary>Reads <c>model.safetensors.index.json</c>, which maps tensors to shards.</summary>
internal static class WeightIndex
{
    public const string FileName = "model.safetensors.index.json";

    // Each shard is held open while weights are read; the largest Gemma 3 has 12.
    private const int MaxShards = 1_000;

    /// <summary>Returns the shard of each tensor, in the file's order.</summary>
    public static Dictionary<string, string> Read(string path) =>
        JsonFile.ParseTensors(
            path, RegularFile.ReadAll(path, FileLimits.WeightIndex), root => Parse(path, root));

    private static Dictionary<string, string> Parse(string path, JsonElement root)
    {
        if (!root.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object)
        {
            throw new ModelFileException(path, "it has no weight_map");
        }

        var shards = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var entry in map.EnumerateObject())
        {
            if (!shards.TryAdd(entry.Name, Shard(path, entry.Value)))
            {
                throw new ModelFileException(path, $"tensor '{entry.Name}' occurs twice in its weight_map");
            }
        }

        return shards.Values.Distinct(StringComparer.Ordinal).Count() <= MaxShards
            ? shards
            : throw new ModelFileException(path, $"its weight_map has more than {MaxShards} files");
    }

    /// <summary>Checks that a shard is in the folder: a downloaded index could otherwise name any file of the
    /// machine.</summary>
    private static string Shard(string path, JsonElement name) =>
        name.ValueKind == JsonValueKind.String && name.GetString() is { Length: > 0 } file
            && Path.GetFileName(file) == file && file is not ("." or "..")
            ? file
            : throw new ModelFileException(path, $"{name.GetRawText()} in its weight_map is not a file of this folder");
}
