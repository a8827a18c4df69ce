using System.Text.Json;
using System.Text.Json.Nodes;

namespace Workflows.TpuWorker.Gemma3.Lora;

/// <summary>
/// Reads and writes PEFT's <c>adapter_config.json</c>. What it may ask for beyond plain LoRA on the seven linear
/// layers is refused, since leaving it out would give another model without a word.
/// </summary>
internal static class LoraConfigFile
{
    public const string FileName = "adapter_config.json";
    private const string AllLinear = "all-linear";

    // A pattern of Python's re, which PEFT matches with a module's whole name.
    private const string NestedBegin = @".*\.language_model\..*\.(";
    private const string NestedEnd = ")";

    // Settings of PEFT that change the result; anything but false, 0, null, "" or an empty list or object is refused.
    private static readonly string[] Unsupported =
    [
        "use_dora", "use_qalora", "use_bdlora", "lora_bias", "fan_in_fan_out", "modules_to_save", "rank_pattern",
        "alpha_pattern", "layers_to_transform", "layer_replication", "exclude_modules", "target_parameters",
        "trainable_token_indices", "alora_invocation_tokens", "arrow_config", "kasa_config",
    ];

    public static LoraOptions Read(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return Parse(path, document.RootElement);
        }
        catch (Exception fault) when (fault is JsonException or IOException or UnauthorizedAccessException
            or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new CheckpointFormatException(path, $"cannot be read: {fault.Message}", fault);
        }
    }

    /// <param name="options">What to write.</param>
    /// <param name="baseModel">The adapted model; null to leave it open.</param>
    /// <param name="isNested">
    /// Whether that is multimodal: its picture part has layers of the same names, which must not be adapted.
    /// </param>
    public static string Write(LoraOptions options, string? baseModel, bool isNested)
    {
        string[] modules =
            [.. LoraTargetNames.All.Where(each => (options.Targets & each.Value) != 0).Select(each => each.Key)];
        var alpha = options.Alpha;
        return new JsonObject
        {
            ["peft_type"] = "LORA",
            ["task_type"] = "CAUSAL_LM",
            ["base_model_name_or_path"] = baseModel,
            ["r"] = options.Rank,
            ["lora_alpha"] = alpha == Math.Floor(alpha) && alpha < int.MaxValue ? (JsonNode)(int)alpha : alpha,
            ["lora_dropout"] = options.Dropout,
            ["use_rslora"] = options.RankStabilized,
            ["use_dora"] = false,
            ["target_modules"] = isNested
                ? $"{NestedBegin}{string.Join('|', modules)}{NestedEnd}"
                : new JsonArray([.. modules.Select(module => (JsonNode)module)]),
            ["modules_to_save"] = null,
            ["rank_pattern"] = new JsonObject(),
            ["alpha_pattern"] = new JsonObject(),
            ["layers_to_transform"] = null,
            ["bias"] = "none",
            ["fan_in_fan_out"] = false,
            ["init_lora_weights"] = true,
            ["inference_mode"] = true,
        }.ToJsonString(new JsonSerializerOptions { WriteIndented = true });
    }

    private static LoraOptions Parse(string path, JsonElement root)
    {
        if (Property(root, "peft_type")?.GetString() is var type and not "LORA")
        {
            throw new CheckpointFormatException(path, $"peft_type is '{type}', wanted LORA");
        }

        if (Property(root, "bias")?.GetString() is var bias and not (null or "none"))
        {
            throw new CheckpointFormatException(path, $"bias is '{bias}', wanted none");
        }

        foreach (var key in Unsupported)
        {
            if (Property(root, key) is { } value && !IsEmpty(value))
            {
                throw new CheckpointFormatException(path, $"{key} is {value}, which is not supported");
            }
        }

        var options = new LoraOptions
        {
            Rank = root.GetProperty("r").GetInt32(),
            Alpha = root.GetProperty("lora_alpha").GetDouble(),
            Dropout = Property(root, "lora_dropout")?.GetDouble() ?? 0,
            RankStabilized = Property(root, "use_rslora")?.GetBoolean() ?? false,
            Targets = Targets(path, root.GetProperty("target_modules")),
        };
        try
        {
            options.Validate();
            return options;
        }
        catch (ModelInputException fault)
        {
            throw new CheckpointFormatException(path, fault.Message, fault);
        }
    }

    private static LoraTargets Targets(string path, JsonElement modules)
    {
        if (modules.ValueKind == JsonValueKind.String && modules.GetString() == AllLinear)
        {
            return LoraTargets.All;
        }

        var targets = LoraTargets.None;
        string[] names = modules.ValueKind == JsonValueKind.Array
            ? [.. modules.EnumerateArray().Select(name => name.GetString() ?? "")]
            : Nested(modules.GetString() ?? "");
        foreach (var name in names)
        {
            targets |= LoraTargetNames.All.TryGetValue(name, out var module)
                ? module
                : throw new CheckpointFormatException(
                    path, $"target_modules has '{name}', wanted {string.Join(", ", LoraTargetNames.All.Keys)}");
        }

        return targets;
    }

    /// <summary>The names in the pattern that is written for multimodal models.</summary>
    private static string[] Nested(string pattern) =>
        pattern.StartsWith(NestedBegin, StringComparison.Ordinal)
            && pattern.EndsWith(NestedEnd, StringComparison.Ordinal)
            ? pattern[NestedBegin.Length..^NestedEnd.Length].Split('|')
            : [pattern];

    private static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.False => true,
        JsonValueKind.Number => value.GetDouble() == 0,
        JsonValueKind.String => value.GetString()!.Length == 0,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };

    private static JsonElement? Property(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
}
