using System.Text.Json;

namespace Workflows.Artifacts;

/// <summary>The files of a Hugging Face folder that a text model's run needs.</summary>
public static class TextModelFiles
{
    private const string Single = "model.safetensors", Index = "model.safetensors.index.json";
    private const string Ending = ".safetensors";

    private static readonly HashSet<string> Names = new(StringComparer.Ordinal)
    {
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.json",
        "chat_template.jinja", Index, "special_tokens_map.json", "added_tokens.json",
    };

    /// <summary>Returns whether a file is needed; other formats of the same weights and pictures are not.</summary>
    /// <param name="name">Its path inside the folder, with slashes.</param>
    /// <returns>true for configuration, tokenizer, template and safetensors weights at the root.</returns>
    public static bool IsNeeded(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return !name.Contains('/', StringComparison.Ordinal) && (Names.Contains(name) || IsWeights(name));
    }

    /// <summary>Returns whether a file has weights; the others are small.</summary>
    /// <param name="name">Its path inside the folder, with slashes.</param>
    /// <returns>true for safetensors.</returns>
    public static bool IsWeights(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.EndsWith(Ending, StringComparison.Ordinal);
    }

    /// <summary>
    /// Chooses the files of a folder that are needed. Of the weights these are the single file if there is one, else
    /// those that the index names, else all.
    /// </summary>
    /// <param name="store">The store that has the folder.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The files in the ordinal order of their names; empty if the folder has none.</returns>
    /// <exception cref="ArtifactException">The store does not answer.</exception>
    public static async Task<IReadOnlyList<ArtifactInfo>> ChooseAsync(
        IArtifactStore store, ArtifactUri folder, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(folder);
        var files = new List<ArtifactInfo>();
        await foreach (var file in store.ListAsync(folder, cancellation))
        {
            if (file.Uri.RelativeTo(folder) is { } name && IsNeeded(name))
            {
                files.Add(file);
            }
        }

        if (files.Exists(file => file.Uri.Name == Single))
        {
            return [.. files.Where(file => !IsWeights(file.Uri.Name) || file.Uri.Name == Single)];
        }

        var index = files.Find(file => file.Uri.Name == Index);
        var shards = index is null || index.Bytes > ModelFiles.FileLimits.WeightIndex
            ? null
            : ShardsOf(await store.ReadBytesAsync(index.Uri, ByteRange.Whole, cancellation));
        return shards is null
            ? files
            : [.. files.Where(file => !IsWeights(file.Uri.Name) || shards.Contains(file.Uri.Name))];
    }

    /// <summary>Lists the files that an index names; null if it is no index, which the reader of models
    /// reports.</summary>
    private static HashSet<string>? ShardsOf(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement is { ValueKind: JsonValueKind.Object } root
                && root.TryGetProperty("weight_map", out var map) && map.ValueKind == JsonValueKind.Object
                    ? [.. map.EnumerateObject().Where(each => each.Value.ValueKind == JsonValueKind.String)
                        .Select(each => each.Value.GetString()!)]
                    : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
