using System.Buffers.Binary;
using System.Text.Json;
using Workflows.Orchestrations;

namespace Workflows.Activities.Data;

/// <summary>
/// Looks at a checkpoint's configuration and at the ends of its weight files: what a download leaves damaged most often
/// is found here, and not by a VM that is paid for.
/// </summary>
internal static class ModelFiles
{
    private const int LengthBytes = 8;
    private const long MaxHeaderBytes = 100_000_000;
    private const string Again = "Download the checkpoint again, whole.";

    /// <summary>Reads config.json.</summary>
    /// <param name="model">The folder.</param>
    /// <returns>The text model's part.</returns>
    /// <exception cref="RunFaultException">It is not a JSON object.</exception>
    public static JsonElement Config(string model)
    {
        var path = Path.Combine(model, "config.json");
        var config = Json(path, File.ReadAllBytes(path));
        return config.TryGetProperty("text_config", out var text) && text.ValueKind == JsonValueKind.Object
            ? text
            : config;
    }

    /// <summary>A whole number of the configuration.</summary>
    /// <param name="model">The folder, for the message.</param>
    /// <param name="config">See <see cref="Config"/>.</param>
    /// <param name="name">Which.</param>
    /// <returns>The number; null where the configuration does not name it.</returns>
    /// <exception cref="RunFaultException">It is something else.</exception>
    public static int? Number(string model, JsonElement config, string name)
    {
        if (!config.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number > 0
            ? number
            : throw Damaged(
                Path.Combine(model, "config.json"), $"{name} is {value.GetRawText()}, not a whole number above 0");
    }

    /// <summary>Reads a file of the model that must be a JSON object.</summary>
    /// <param name="path">The file, for the message.</param>
    /// <param name="content">What is in it.</param>
    /// <returns>The object.</returns>
    /// <exception cref="RunFaultException">It is not one.</exception>
    public static JsonElement Json(string path, byte[] content)
    {
        try
        {
            using var document = JsonDocument.Parse(content);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.Clone()
                : throw Damaged(path, "it is not a JSON object");
        }
        catch (JsonException exception)
        {
            throw Damaged(path, $"it is not JSON ({exception.Message})");
        }
    }

    /// <summary>Checks that every weight file is there and as long as its header says.</summary>
    /// <param name="model">The folder.</param>
    /// <returns>What was found.</returns>
    /// <exception cref="RunFaultException">A file is missing, or not whole.</exception>
    public static GateResult Weights(string model)
    {
        var files = Files(model);
        var bytes = files.Sum(file => RequireWhole(Path.Combine(model, file)));
        var what = files.Count == 1 ? "1 file" : $"{files.Count} files";
        return new GateResult("weights", $"{what}, {bytes} bytes, as long as the headers say");
    }

    private static List<string> Files(string model)
    {
        var index = Path.Combine(model, "model.safetensors.index.json");
        if (!File.Exists(index))
        {
            return ["model.safetensors"];
        }

        var root = Json(index, File.ReadAllBytes(index));
        return root.TryGetProperty("weight_map", out var map) && map.ValueKind == JsonValueKind.Object
            ? [.. map.EnumerateObject().Select(entry => Shard(index, entry.Value)).Distinct(StringComparer.Ordinal)]
            : throw Damaged(index, "it has no weight_map");
    }

    private static string Shard(string index, JsonElement name) =>
        name.ValueKind == JsonValueKind.String && name.GetString() is { Length: > 0 } file
            && Path.GetFileName(file) == file
            ? file
            : throw Damaged(index, $"{name.GetRawText()} is not a file of this folder");

    private static long RequireWhole(string path)
    {
        if (!File.Exists(path))
        {
            throw Damaged(path, "there is no such file");
        }

        using var stream = File.OpenRead(path);
        Span<byte> prefix = stackalloc byte[LengthBytes];
        if (stream.ReadAtLeast(prefix, LengthBytes, throwOnEndOfStream: false) < LengthBytes)
        {
            throw Damaged(path, $"it has {stream.Length} bytes");
        }

        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > (ulong)Math.Min(MaxHeaderBytes, stream.Length - LengthBytes))
        {
            throw Damaged(path, $"a header of {length} bytes does not fit its {stream.Length}");
        }

        var header = new byte[length];
        stream.ReadExactly(header);
        var end = Json(path, header).EnumerateObject().Where(entry => entry.Name != "__metadata__")
            .Select(entry => End(path, entry)).DefaultIfEmpty().Max();
        var whole = LengthBytes + (long)length + end;
        return stream.Length == whole
            ? whole
            : throw Damaged(path, $"it has {stream.Length} bytes, its header describes {whole}");
    }

    private static long End(string path, JsonProperty entry) =>
        entry.Value.ValueKind == JsonValueKind.Object && entry.Value.TryGetProperty("data_offsets", out var offsets)
            && offsets.ValueKind == JsonValueKind.Array && offsets.GetArrayLength() == 2
            && offsets[1].ValueKind == JsonValueKind.Number && offsets[1].TryGetInt64(out var end)
            ? end
            : throw Damaged(path, $"its header does not place tensor '{entry.Name}'");

    private static RunFaultException Damaged(string path, string problem) =>
        new("MODEL_FILES_DAMAGED", $"'{path}': {problem}.", Again);
}
