using System.Text.Json;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Checkpoints;

/// <summary>
/// Reads the text weights of a Hugging Face folder, in one file or in shards, under any of its prefixes.
/// </summary>
internal static class Gemma3Weights
{
    public const string FileName = "model.safetensors";
    private const string IndexName = "model.safetensors.index.json";

    // The last is how text weights lie inside a multimodal checkpoint of newer transformers.
    private static readonly string[] Prefixes = ["model.", "language_model.model.", "model.language_model."];

    public static (Dictionary<string, HostTensor> Tensors, WeightPrecision Precision) Read(
        string directory, Gemma3Config config)
    {
        var files = new Dictionary<string, SafetensorsFile>(StringComparer.Ordinal);
        try
        {
            var (source, locations) = Locate(directory, files);
            var prefix = Array.Find(Prefixes, candidate => locations.ContainsKey($"{candidate}embed_tokens.weight"))
                ?? throw new CheckpointFormatException(
                    source, $"no embed_tokens.weight under {string.Join(", ", Prefixes)}");
            var tensors = new Dictionary<string, HostTensor>(StringComparer.Ordinal);
            foreach (var (name, shape) in Gemma3Parameters.All(config))
            {
                var stored = prefix + name[Gemma3Parameters.Prefix.Length..];
                var file = locations.TryGetValue(stored, out var found)
                    ? found
                    : throw new CheckpointFormatException(source, $"tensor '{stored}' {shape} is missing");
                RequireShape(file, stored, shape);
                tensors.Add(name, file.ReadFloats(stored));
            }

            RequireAllRead(source, prefix, locations.Keys, tensors.Keys);
            RequireTied(config, locations, tensors);
            var embedding = $"{prefix}embed_tokens.weight";
            return (tensors, PrecisionOf(locations[embedding].Tensors[embedding].Type));
        }
        finally
        {
            foreach (var file in files.Values)
            {
                file.Dispose();
            }
        }
    }

    private static (string Source, Dictionary<string, SafetensorsFile> Locations) Locate(
        string directory, Dictionary<string, SafetensorsFile> files)
    {
        var index = Path.Combine(directory, IndexName);
        var single = Path.Combine(directory, FileName);
        if (!File.Exists(index))
        {
            var file = SafetensorsFile.Open(single);
            files.Add(FileName, file);
            return (single, file.Tensors.Keys.ToDictionary(name => name, _ => file, StringComparer.Ordinal));
        }

        var locations = new Dictionary<string, SafetensorsFile>(StringComparer.Ordinal);
        foreach (var (name, shard) in ReadIndex(index))
        {
            if (!files.TryGetValue(shard, out var file))
            {
                file = SafetensorsFile.Open(Path.Combine(directory, shard));
                files.Add(shard, file);
            }

            if (!file.Tensors.ContainsKey(name))
            {
                throw new CheckpointFormatException(file.Path, $"tensor '{name}' is missing, the index places it here");
            }

            if (!locations.TryAdd(name, file))
            {
                throw new CheckpointFormatException(index, $"tensor '{name}' occurs twice");
            }
        }

        return (index, locations);
    }

    private static List<(string Name, string Shard)> ReadIndex(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var entries = document.RootElement.GetProperty("weight_map").EnumerateObject()
                .Select(entry => (entry.Name, Shard: entry.Value.GetString() ?? "")).ToList();
            var outside = entries.Find(entry => entry.Shard.Length == 0
                || Path.GetFileName(entry.Shard) != entry.Shard);
            return outside.Name is null
                ? entries
                : throw new CheckpointFormatException(path, $"'{outside.Shard}' is not a file of this folder");
        }
        catch (Exception fault) when (fault is JsonException or IOException or KeyNotFoundException
            or InvalidOperationException)
        {
            throw new CheckpointFormatException(path, $"cannot be read: {fault.Message}", fault);
        }
    }

    private static void RequireShape(SafetensorsFile file, string name, Shape wanted)
    {
        var got = file.Tensors[name].Shape;
        if (!got.Equals(wanted))
        {
            throw new CheckpointFormatException(file.Path, $"tensor '{name}' is {got}, wanted {wanted}");
        }
    }

    /// <summary>More layers than config.json says would be another model, and translate to rubbish.</summary>
    private static void RequireAllRead(
        string source, string prefix, IEnumerable<string> stored, IEnumerable<string> read)
    {
        var known = read.Select(name => prefix + name[Gemma3Parameters.Prefix.Length..])
            .ToHashSet(StringComparer.Ordinal);
        var unread = stored.Where(name => name.StartsWith(prefix, StringComparison.Ordinal) && !known.Contains(name)
                && !IsOfPictures(name))
            .Order(StringComparer.Ordinal).FirstOrDefault();
        if (unread is not null)
        {
            throw new CheckpointFormatException(
                source, $"tensor '{unread}' is none of the model that config.json describes; correct its "
                    + "num_hidden_layers, or give the checkpoint's own config.json");
        }
    }

    private static bool IsOfPictures(string name) =>
        name.Contains("vision_tower.", StringComparison.Ordinal)
        || name.Contains("multi_modal_projector.", StringComparison.Ordinal);

    /// <summary>An output matrix of its own would be ignored silently, so it must be the embedding's copy.</summary>
    private static void RequireTied(
        Gemma3Config config, Dictionary<string, SafetensorsFile> locations, Dictionary<string, HostTensor> tensors)
    {
        const string Head = "lm_head.weight";
        var name = locations.ContainsKey(Head) ? Head : $"language_model.{Head}";
        if (!locations.TryGetValue(name, out var file))
        {
            return;
        }

        RequireShape(file, name, new Shape(config.VocabularySize, config.HiddenSize));
        if (!file.ReadFloats(name).Floats.AsSpan().SequenceEqual(tensors[Gemma3Parameters.Embedding].Floats))
        {
            throw new CheckpointFormatException(file.Path, $"tensor '{name}' differs from the embedding it is tied to");
        }
    }

    private static WeightPrecision PrecisionOf(string type) => type switch
    {
        "BF16" => WeightPrecision.BF16,
        "F16" => WeightPrecision.F16,
        _ => WeightPrecision.F32,
    };
}
