using System.Text.Json;
using System.Text.Json.Nodes;

namespace Workflows.TpuWorker.Gemma3.Lora;

/// <summary>
/// Reads and writes PEFT's <c>adapter_config.json</c>. Settings beyond plain LoRA on the seven linear layers are
/// refused, since ignoring them would silently give another model.
/// </summary>
internal static class LoraConfigFile
{
    public const string FileName = "adapter_config.json";

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

    // Initializations of an adapter that leave the base unchanged.
    private static readonly string[] InitializersOfAdapterAlone = ["gaussian", "eva", "orthogonal"];

    /// <param name="path">The file.</param>
    /// <param name="prefix">Prefix of the names of the text part's modules in the adapted model.</param>
    /// <param name="layers">Layers of the model.</param>
    public static LoraOptions Read(string path, string prefix, int layers) =>
        JsonFile.Read(path, FileLimits.Configuration, root => Parse(path, root, prefix, layers));

    /// <param name="options">The options to write.</param>
    /// <param name="baseModel">The adapted model; null to leave it open.</param>
    /// <param name="isNested">
    /// true if that is multimodal: its vision part has layers of the same names, which must not be adapted.
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

    private static LoraOptions Parse(string path, JsonElement json, string prefix, int layers)
    {
        var root = new JsonProperties(path, json);
        if (root.Text("peft_type") is var type and not "LORA")
        {
            throw Refusal(path, $"peft_type is '{type}', wanted LORA");
        }

        if (root.Text("bias") is { } bias and not "none")
        {
            throw Refusal(path, $"bias is '{bias}', wanted none");
        }

        RequireUnchangedBase(path, root);
        foreach (var key in Unsupported)
        {
            if (root.Value(key) is { } value && !IsEmpty(value))
            {
                throw Refusal(path, $"{key} is {value}, which is not supported");
            }
        }

        var options = new LoraOptions
        {
            Rank = root.WholeNumber("r") ?? throw new ModelFileException(path, "it has no r"),
            Alpha = root.Number("lora_alpha") ?? throw new ModelFileException(path, "it has no lora_alpha"),
            Dropout = root.Number("lora_dropout") ?? 0,
            RankStabilized = root.Boolean("use_rslora") ?? false,
            Targets = LoraTargetModules.Resolve(
                path,
                root.Value("target_modules") ?? throw new ModelFileException(path, "it has no target_modules"),
                prefix, layers),
        };
        try
        {
            options.Validate();
            return options;
        }
        catch (ModelInputException fault)
        {
            throw new ModelFileException(
                path, fault.Message.TrimEnd('.'), fix: "Correct the value, or save the adapter again.",
                innerException: fault);
        }
    }

    /// <summary>
    /// PiSSA, OLoRA, CorDA and LoftQ initialize the adapter from the base's weights and change the base, so a saved
    /// adapter belongs to the changed base. Added to the published one it gives another model.
    /// </summary>
    private static void RequireUnchangedBase(string path, JsonProperties root)
    {
        var how = root.Value("init_lora_weights");
        if (how is { ValueKind: JsonValueKind.String } named && !InitializersOfAdapterAlone.Contains(named.GetString()))
        {
            throw Refusal(
                path, $"init_lora_weights is '{named}', wanted true, false, "
                    + $"{string.Join(", ", InitializersOfAdapterAlone)}: any other changes the base model",
                "Convert the adapter to plain LoRA, by PEFT's save_pretrained with "
                    + "path_initial_model_for_weight_conversion.");
        }

        if (how is not null and not
            { ValueKind: JsonValueKind.String or JsonValueKind.True or JsonValueKind.False })
        {
            throw new ModelFileException(path, $"init_lora_weights is {how}, wanted true, false or a name");
        }
    }

    private static ModelFileException Refusal(string path, string problem, string? fix = null) =>
        new(path, problem, ModelFault.Unsupported, fix ?? "Give a plain LoRA adapter of the seven linear layers.");

    private static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.False => true,
        JsonValueKind.Number => value.GetDouble() == 0,
        JsonValueKind.String => value.GetString()!.Length == 0,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };
}
