using System.Text.Json;
using System.Text.Json.Nodes;

namespace Workflows.ModelFiles;

/// <summary>
/// Reads <c>config.json</c> in the form of files on the hub (rope_theta, rope_scaling, sliding_window_pattern) and in
/// that of transformers 5 (rope_parameters, layer_types), plain or nested under text_config; writes the hub form.
/// </summary>
public static class Gemma3ConfigFile
{
    /// <summary>Name of the file in a model folder.</summary>
    public const string FileName = "config.json";

    private const string GlobalKind = "full_attention";
    private const string LocalKind = "sliding_attention";

    /// <summary>Reads the text model's configuration.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Sizes and constants, each within a computable range.</returns>
    /// <exception cref="ModelFileException">
    /// The file is missing or damaged, belongs to another model, or has a value that is out of range or not
    /// implemented.
    /// </exception>
    public static Gemma3Config Read(string path) =>
        JsonFile.Read(path, FileLimits.Configuration, root => Parse(path, root));

    /// <summary>Returns whether a folder's model also takes pictures, with the text model nested in it.</summary>
    /// <param name="directory">A model folder; one without config.json is not multimodal.</param>
    /// <returns>true if config.json has a text_config.</returns>
    /// <exception cref="ModelFileException">The file is damaged.</exception>
    public static bool IsMultimodal(string directory)
    {
        var path = Path.Combine(directory, FileName);
        return File.Exists(path) && JsonFile.Read(
            path, FileLimits.Configuration, root => new JsonProperties(path, root).Nested("text_config") is not null);
    }

    /// <summary>Writes a text-only configuration.</summary>
    /// <param name="config">Sizes and constants.</param>
    /// <param name="precision">The precision of the weights beside it.</param>
    /// <returns>The file's text.</returns>
    public static string Write(Gemma3Config config, WeightPrecision precision)
    {
        var kinds = Enumerable.Range(0, config.LayerCount)
            .Select(layer => (JsonNode)(config.IsGlobal(layer) ? GlobalKind : LocalKind));
        return new JsonObject
        {
            ["architectures"] = new JsonArray("Gemma3ForCausalLM"),
            ["model_type"] = "gemma3_text",
            ["torch_dtype"] = PrecisionName(precision),
            ["vocab_size"] = config.VocabularySize,
            ["hidden_size"] = config.HiddenSize,
            ["intermediate_size"] = config.IntermediateSize,
            ["num_hidden_layers"] = config.LayerCount,
            ["num_attention_heads"] = config.HeadCount,
            ["num_key_value_heads"] = config.KeyValueHeadCount,
            ["head_dim"] = config.HeadDimension,
            ["query_pre_attn_scalar"] = WholeIfPossible(config.QueryPreAttentionScalar),
            ["sliding_window"] = config.SlidingWindow,
            ["layer_types"] = new JsonArray([.. kinds]),
            ["rope_theta"] = config.GlobalRopeTheta,
            ["rope_local_base_freq"] = config.LocalRopeTheta,
            ["rope_scaling"] = config.GlobalRopeFactor == 1
                ? null
                : new JsonObject { ["factor"] = config.GlobalRopeFactor, ["rope_type"] = "linear" },
            ["rms_norm_eps"] = config.RmsNormEpsilon,
            ["max_position_embeddings"] = config.MaxPositions,
            ["initializer_range"] = config.InitializerRange,
            ["hidden_activation"] = "gelu_pytorch_tanh",
            ["attention_bias"] = false,
            ["attention_dropout"] = 0.0,
            ["attn_logit_softcapping"] = null,
            ["final_logit_softcapping"] = null,
            ["tie_word_embeddings"] = true,
            ["use_cache"] = true,
            ["bos_token_id"] = config.BeginToken,
            ["eos_token_id"] = new JsonArray([.. config.EndTokens.Select(token => (JsonNode)token)]),
            ["pad_token_id"] = config.PadToken,
        }.ToJsonString(new JsonSerializerOptions { WriteIndented = true });
    }

    private static Gemma3Config Parse(string path, JsonElement json)
    {
        var root = new JsonProperties(path, json);
        var text = root.Nested("text_config") ?? root;
        Gemma3ConfigRules.RequireModelType(path, root, text);
        Gemma3ConfigRules.RequireImplemented(path, root, text);
        var d = new Gemma3Config();
        var layers = text.WholeNumber("num_hidden_layers") ?? d.LayerCount;
        Gemma3ConfigRules.RequireLayers(path, layers);
        var (globalTheta, globalFactor) = Rope(path, text, GlobalKind, "rope_theta", d.GlobalRopeTheta, "rope_scaling");
        var (localTheta, localFactor) = Rope(path, text, LocalKind, "rope_local_base_freq", d.LocalRopeTheta, null);
        var config = d with
        {
            VocabularySize = text.WholeNumber("vocab_size") ?? d.VocabularySize,
            HiddenSize = text.WholeNumber("hidden_size") ?? d.HiddenSize,
            IntermediateSize = text.WholeNumber("intermediate_size") ?? d.IntermediateSize,
            LayerCount = layers,
            HeadCount = text.WholeNumber("num_attention_heads") ?? d.HeadCount,
            KeyValueHeadCount = text.WholeNumber("num_key_value_heads") ?? d.KeyValueHeadCount,
            HeadDimension = text.WholeNumber("head_dim") ?? d.HeadDimension,
            QueryPreAttentionScalar = text.Number("query_pre_attn_scalar") ?? d.QueryPreAttentionScalar,
            SlidingWindow = text.WholeNumber("sliding_window") ?? d.SlidingWindow,
            GlobalLayers = GlobalLayers(path, text, layers),
            GlobalRopeTheta = globalTheta,
            GlobalRopeFactor = globalFactor,
            LocalRopeTheta = localTheta,
            LocalRopeFactor = localFactor,
            RmsNormEpsilon = text.Number("rms_norm_eps") ?? d.RmsNormEpsilon,
            MaxPositions = text.WholeNumber("max_position_embeddings") ?? d.MaxPositions,
            InitializerRange = text.Number("initializer_range") ?? d.InitializerRange,
            BeginToken = text.WholeNumber("bos_token_id") ?? root.WholeNumber("bos_token_id") ?? d.BeginToken,
            EndTokens = text.Tokens("eos_token_id") ?? root.Tokens("eos_token_id") ?? d.EndTokens,
            PadToken = text.WholeNumber("pad_token_id") ?? root.WholeNumber("pad_token_id") ?? d.PadToken,
        };
        Gemma3ConfigRules.RequireInRange(path, config);
        return config;
    }

    private static bool[] GlobalLayers(string path, JsonProperties text, int layers)
    {
        if (text.Value("layer_types") is not { } kinds)
        {
            var period = text.WholeNumber("sliding_window_pattern") ?? text.WholeNumber("_sliding_window_pattern")
                ?? Gemma3Config.DefaultGlobalLayerPeriod;
            return period >= 1
                ? [.. Enumerable.Range(1, layers).Select(layer => layer % period == 0)]
                : throw new ModelFileException(path, $"sliding_window_pattern is {period}, wanted 1 or more");
        }

        string?[] names = kinds.ValueKind != JsonValueKind.Array ? [] : [.. kinds.EnumerateArray().Select(
            kind => kind.ValueKind == JsonValueKind.String ? kind.GetString() : null)];
        return names.Length == layers && Array.TrueForAll(names, name => name is GlobalKind or LocalKind)
            ? Array.ConvertAll(names, name => name == GlobalKind)
            : throw new ModelFileException(
                path, $"layer_types has {names.Length} entries, wanted {layers} of {GlobalKind} or {LocalKind}");
    }

    private static (double Theta, double Factor) Rope(
        string path, JsonProperties text, string kind, string thetaKey, double theta, string? scalingKey)
    {
        var parameters = text.Nested("rope_parameters") is { } all
            ? all.Nested(kind) ?? throw new ModelFileException(path, $"rope_parameters has no {kind}")
            : null;
        var scaling = parameters ?? (scalingKey is null ? null : text.Nested(scalingKey));
        theta = (parameters is null ? text.Number(thetaKey) : parameters.Number("rope_theta")) ?? theta;
        if (scaling is null)
        {
            return (theta, 1);
        }

        var type = scaling.Text("rope_type") ?? scaling.Text("type") ?? "default";
        return type switch
        {
            "default" => (theta, 1),
            "linear" => (theta, scaling.Number("factor")
                ?? throw new ModelFileException(path, $"{scalingKey ?? "rope_parameters"} has no factor")),
            _ => throw new ModelFileException(
                path, $"rope_type is '{type}', wanted default or linear", ModelFault.Unsupported),
        };
    }

    private static string PrecisionName(WeightPrecision precision) => precision switch
    {
        WeightPrecision.BF16 => "bfloat16",
        WeightPrecision.F16 => "float16",
        _ => "float32",
    };

    private static JsonNode WholeIfPossible(double value) =>
        value == Math.Floor(value) && value < int.MaxValue ? (JsonNode)(int)value : value;
}
