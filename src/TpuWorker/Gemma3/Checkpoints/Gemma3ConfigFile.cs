using System.Text.Json;
using System.Text.Json.Nodes;

namespace Workflows.TpuWorker.Gemma3.Checkpoints;

/// <summary>
/// Reads <c>config.json</c> in the form of files on the hub (rope_theta, rope_scaling, sliding_window_pattern) and in
/// that of transformers 5 (rope_parameters, layer_types), plain or nested under text_config; writes the hub form.
/// </summary>
internal static class Gemma3ConfigFile
{
    public const string FileName = "config.json";

    // Many times the 62 of the largest; a number that is a slip fills no memory.
    private const int MaxLayers = 1_000;
    private const string GlobalKind = "full_attention";
    private const string LocalKind = "sliding_attention";

    public static Gemma3Config Read(string path)
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

    /// <summary>Whether a folder's model has pictures too, and the text model nested in it.</summary>
    public static bool IsMultimodal(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
        {
            return false;
        }

        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return document.RootElement.ValueKind == JsonValueKind.Object
                && Property(document.RootElement, "text_config") is not null;
        }
        catch (JsonException fault)
        {
            throw new CheckpointFormatException(path, $"cannot be read: {fault.Message}", fault);
        }
    }

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

    private static Gemma3Config Parse(string path, JsonElement root)
    {
        var text = Property(root, "text_config") ?? root;
        var type = Property(text, "model_type")?.GetString() ?? Property(root, "model_type")?.GetString();
        if (type is not ("gemma3_text" or "gemma3"))
        {
            throw new CheckpointFormatException(path, $"model_type is '{type}', wanted gemma3_text or gemma3");
        }

        RequireSupported(path, text);
        var d = new Gemma3Config();
        var layers = Integer(text, "num_hidden_layers", d.LayerCount);
        if (layers is < 1 or > MaxLayers)
        {
            throw new CheckpointFormatException(path, $"num_hidden_layers is {layers}, wanted 1 to {MaxLayers}");
        }

        var (globalTheta, globalFactor) = Rope(path, text, GlobalKind, "rope_theta", d.GlobalRopeTheta, "rope_scaling");
        var (localTheta, localFactor) = Rope(path, text, LocalKind, "rope_local_base_freq", d.LocalRopeTheta, null);
        var config = d with
        {
            VocabularySize = Integer(text, "vocab_size", d.VocabularySize),
            HiddenSize = Integer(text, "hidden_size", d.HiddenSize),
            IntermediateSize = Integer(text, "intermediate_size", d.IntermediateSize),
            LayerCount = layers,
            HeadCount = Integer(text, "num_attention_heads", d.HeadCount),
            KeyValueHeadCount = Integer(text, "num_key_value_heads", d.KeyValueHeadCount),
            HeadDimension = Integer(text, "head_dim", d.HeadDimension),
            QueryPreAttentionScalar = Number(text, "query_pre_attn_scalar", d.QueryPreAttentionScalar),
            SlidingWindow = Integer(text, "sliding_window", d.SlidingWindow),
            GlobalLayers = GlobalLayers(path, text, layers),
            GlobalRopeTheta = globalTheta,
            GlobalRopeFactor = globalFactor,
            LocalRopeTheta = localTheta,
            LocalRopeFactor = localFactor,
            RmsNormEpsilon = Number(text, "rms_norm_eps", d.RmsNormEpsilon),
            MaxPositions = Integer(text, "max_position_embeddings", d.MaxPositions),
            InitializerRange = Number(text, "initializer_range", d.InitializerRange),
            BeginToken = Integer(text, "bos_token_id", Integer(root, "bos_token_id", d.BeginToken)),
            EndTokens = Tokens(text, "eos_token_id") ?? Tokens(root, "eos_token_id") ?? d.EndTokens,
            PadToken = Integer(text, "pad_token_id", Integer(root, "pad_token_id", d.PadToken)),
        };
        RequireConsistent(path, config);
        return config;
    }

    private static void RequireSupported(string path, JsonElement text)
    {
        var activation = Property(text, "hidden_activation")?.GetString();
        if (activation is not (null or "gelu_pytorch_tanh"))
        {
            throw new CheckpointFormatException(path, $"hidden_activation is '{activation}', wanted gelu_pytorch_tanh");
        }

        foreach (var key in (string[])["attn_logit_softcapping", "final_logit_softcapping"])
        {
            if (Property(text, key) is { } cap)
            {
                throw new CheckpointFormatException(path, $"{key} is {cap}, wanted null: Gemma 3 has no soft-capping");
            }
        }

        foreach (var (key, wanted) in ((string, bool)[])
            [("tie_word_embeddings", true), ("attention_bias", false), ("use_bidirectional_attention", false)])
        {
            if (Property(text, key) is { } value && value.GetBoolean() != wanted)
            {
                throw new CheckpointFormatException(path, $"{key} is {value}, wanted {wanted}");
            }
        }
    }

    private static void RequireConsistent(string path, Gemma3Config config)
    {
        (string Key, int Value)[] sizes =
        [
            ("vocab_size", config.VocabularySize), ("hidden_size", config.HiddenSize),
            ("intermediate_size", config.IntermediateSize),
            ("num_attention_heads", config.HeadCount), ("num_key_value_heads", config.KeyValueHeadCount),
            ("head_dim", config.HeadDimension), ("sliding_window", config.SlidingWindow),
        ];
        foreach (var (key, value) in sizes.Where(size => size.Value < 1))
        {
            throw new CheckpointFormatException(path, $"{key} is {value}, wanted 1 or more");
        }

        (string Key, double Value)[] scales =
        [
            ("query_pre_attn_scalar", config.QueryPreAttentionScalar), ("rms_norm_eps", config.RmsNormEpsilon),
            ("rope_theta", config.GlobalRopeTheta), ("rope_local_base_freq", config.LocalRopeTheta),
            ("the factor of rope_scaling", Math.Min(config.GlobalRopeFactor, config.LocalRopeFactor)),
        ];
        foreach (var (key, value) in scales.Where(scale => !(scale.Value > 0 && double.IsFinite(scale.Value))))
        {
            throw new CheckpointFormatException(path, $"{key} is {value}, wanted above 0");
        }

        if (config.HeadCount % config.KeyValueHeadCount != 0 || config.HeadDimension % 2 != 0)
        {
            throw new CheckpointFormatException(
                path, $"{config.HeadCount} query heads on {config.KeyValueHeadCount} key-value heads of "
                    + $"{config.HeadDimension}: wanted a multiple, and an even width");
        }
    }

    private static bool[] GlobalLayers(string path, JsonElement text, int layers)
    {
        if (Property(text, "layer_types") is not { } kinds)
        {
            var period = Integer(
                text, "sliding_window_pattern",
                Integer(text, "_sliding_window_pattern", Gemma3Config.DefaultGlobalLayerPeriod));
            if (period < 1)
            {
                throw new CheckpointFormatException(path, $"sliding_window_pattern is {period}, wanted 1 or more");
            }

            return [.. Enumerable.Range(1, layers).Select(layer => layer % period == 0)];
        }

        var names = kinds.EnumerateArray().Select(kind => kind.GetString()).ToArray();
        return names.Length == layers && Array.TrueForAll(names, name => name is GlobalKind or LocalKind)
            ? Array.ConvertAll(names, name => name == GlobalKind)
            : throw new CheckpointFormatException(
                path, $"layer_types has {names.Length} entries, wanted {layers} of {GlobalKind} or {LocalKind}");
    }

    private static (double Theta, double Factor) Rope(
        string path, JsonElement text, string kind, string thetaKey, double theta, string? scalingKey)
    {
        var parameters = Property(text, "rope_parameters") is { } all ? Property(all, kind) : null;
        var scaling = parameters ?? (scalingKey is null ? null : Property(text, scalingKey));
        theta = parameters is { } named ? Number(named, "rope_theta", theta) : Number(text, thetaKey, theta);
        if (scaling is not { } scaled)
        {
            return (theta, 1);
        }

        var type = (Property(scaled, "rope_type") ?? Property(scaled, "type"))?.GetString() ?? "default";
        return type switch
        {
            "default" => (theta, 1),
            "linear" => (theta, Number(scaled, "factor", 1)),
            _ => throw new CheckpointFormatException(path, $"rope_type is '{type}', wanted default or linear"),
        };
    }

    private static int[]? Tokens(JsonElement element, string name) => Property(element, name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray().Select(token => token.GetInt32())],
        { } one => [one.GetInt32()],
    };

    private static int Integer(JsonElement element, string name, int fallback) =>
        Property(element, name) is not { } value ? fallback
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number
        : throw new FormatException($"{name} is {value.GetRawText()}, wanted a whole number");

    private static double Number(JsonElement element, string name, double fallback) =>
        Property(element, name) is not { } value ? fallback
        : value.ValueKind == JsonValueKind.Number ? value.GetDouble()
        : throw new FormatException($"{name} is {value.GetRawText()}, wanted a number");

    private static JsonElement? Property(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static string PrecisionName(WeightPrecision precision) => precision switch
    {
        WeightPrecision.BF16 => "bfloat16",
        WeightPrecision.F16 => "float16",
        _ => "float32",
    };

    private static JsonNode WholeIfPossible(double value) =>
        value == Math.Floor(value) && value < int.MaxValue ? (JsonNode)(int)value : value;
}
