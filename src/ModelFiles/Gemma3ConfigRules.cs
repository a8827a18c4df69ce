namespace Workflows.ModelFiles;

/// <summary>Checks that a configuration belongs to a model that the worker implements, with values in range.</summary>
internal static class Gemma3ConfigRules
{
    // Many times the values of the largest Gemma 3; a wrong digit must not fill the memory.
    private const int MaxLayers = 1_000, MaxWidth = 1 << 17, MaxInnerWidth = 1 << 20, MaxHeads = 1 << 12;
    private const int MaxHeadWidth = 1 << 12, MaxTokens = 1 << 24;

    // Norms and angles are computed in single precision, in which values beyond these are 0 or infinite.
    private const double LeastEpsilon = 1e-12, MostEpsilon = 0.1, MostScale = 1e12, LeastScale = 1e-6;

    public static void RequireModelType(string path, JsonProperties root, JsonProperties text)
    {
        var (outer, inner) = (root.Text("model_type"), text.Text("model_type"));
        if ((outer ?? inner) is null)
        {
            throw new ModelFileException(path, "it has no model_type, wanted gemma3_text or gemma3");
        }

        if (Array.Find([outer, inner], type => type is not (null or "gemma3_text" or "gemma3")) is { } other)
        {
            throw new ModelFileException(
                path, $"model_type is '{other}', wanted gemma3_text or gemma3", ModelFault.Unsupported);
        }
    }

    public static void RequireImplemented(string path, JsonProperties root, JsonProperties text)
    {
        ModelFileException Refusal(string problem) => new(path, problem, ModelFault.Unsupported);
        if ((root.Value("quantization_config") ?? text.Value("quantization_config")) is not null)
        {
            throw Refusal("it has a quantization_config, wanted weights that are not quantized");
        }

        if (text.Text("hidden_activation") is { } activation and not "gelu_pytorch_tanh")
        {
            throw Refusal($"hidden_activation is '{activation}', wanted gelu_pytorch_tanh");
        }

        foreach (var key in (string[])["attn_logit_softcapping", "final_logit_softcapping"])
        {
            if (text.Value(key) is { } cap)
            {
                throw Refusal($"{key} is {cap}, wanted null: Gemma 3 has no soft-capping");
            }
        }

        foreach (var (key, wanted) in ((string, bool)[])
            [("tie_word_embeddings", true), ("attention_bias", false), ("use_bidirectional_attention", false)])
        {
            if ((text.Boolean(key) ?? wanted) != wanted)
            {
                throw Refusal($"{key} is {!wanted}, wanted {wanted}");
            }
        }
    }

    public static void RequireLayers(string path, int layers) =>
        Require(path, "num_hidden_layers", layers, 1, MaxLayers);

    public static void RequireInRange(string path, Gemma3Config config)
    {
        Require(path, "vocab_size", config.VocabularySize, 1, MaxTokens);
        Require(path, "hidden_size", config.HiddenSize, 1, MaxWidth);
        Require(path, "intermediate_size", config.IntermediateSize, 1, MaxInnerWidth);
        Require(path, "num_attention_heads", config.HeadCount, 1, MaxHeads);
        Require(path, "num_key_value_heads", config.KeyValueHeadCount, 1, config.HeadCount);
        Require(path, "head_dim", config.HeadDimension, 2, MaxHeadWidth);
        Require(path, "sliding_window", config.SlidingWindow, 1, int.MaxValue);
        Require(path, "max_position_embeddings", config.MaxPositions, 1, MaxTokens);
        RequireHeads(path, config);
        RequireScale(path, "rms_norm_eps", config.RmsNormEpsilon, LeastEpsilon, MostEpsilon);
        RequireScale(path, "query_pre_attn_scalar", config.QueryPreAttentionScalar, LeastScale, MostScale);
        RequireScale(path, "rope_theta", config.GlobalRopeTheta, LeastScale, MostScale);
        RequireScale(path, "rope_local_base_freq", config.LocalRopeTheta, LeastScale, MostScale);
        RequireScale(path, "the factor of rope_scaling", config.GlobalRopeFactor, LeastScale, MostScale);
        RequireScale(path, "the factor of sliding layers", config.LocalRopeFactor, LeastScale, MostScale);
        RequireScale(path, "initializer_range", config.InitializerRange, 0, MostScale);
        RequireTensors(path, config);
        RequireRows(path, "bos_token_id", [config.BeginToken], config.VocabularySize);
        RequireRows(path, "pad_token_id", [config.PadToken], config.VocabularySize);
        RequireRows(path, "eos_token_id", config.EndTokens, config.VocabularySize);
    }

    /// <summary>Checks that the tokens which begin, end or pad a text have rows in the embedding.</summary>
    public static void RequireRows(string path, string key, IEnumerable<int> tokens, int rows)
    {
        foreach (var token in tokens.Where(token => token < 0 || token >= rows))
        {
            throw new ModelFileException(
                path, $"{key} has {token}, wanted 0 to {rows - 1}: vocab_size is {rows}", ModelFault.Vocabulary,
                "Give the configuration and the tokenizer that belong to the checkpoint.");
        }
    }

    private static void RequireHeads(string path, Gemma3Config config)
    {
        if (config.HeadCount % config.KeyValueHeadCount != 0)
        {
            throw new ModelFileException(
                path, $"num_key_value_heads is {config.KeyValueHeadCount}, wanted a divisor of num_attention_heads "
                    + $"{config.HeadCount}");
        }

        if (config.HeadDimension % 2 != 0)
        {
            throw new ModelFileException(path, $"head_dim is {config.HeadDimension}, wanted an even number");
        }
    }

    private static void RequireTensors(string path, Gemma3Config config)
    {
        foreach (var tensor in Gemma3Tensors.All(config))
        {
            var count = tensor.Shape.Aggregate(1L, (product, size) => product * size);
            if (count > Array.MaxLength)
            {
                throw new ModelFileException(
                    path, $"tensor '{tensor.Name}' would have {count} elements, wanted {Array.MaxLength} at most",
                    ModelFault.Unsupported, "Correct the sizes in config.json, or give a smaller model.");
            }
        }
    }

    private static void Require(string path, string key, int value, int least, int most)
    {
        if (value < least || value > most)
        {
            throw new ModelFileException(path, $"{key} is {value}, wanted {least} to {most}");
        }
    }

    private static void RequireScale(string path, string key, double value, double least, double most)
    {
        if (!(value >= least && value <= most))
        {
            throw new ModelFileException(path, $"{key} is {value}, wanted {least} to {most}");
        }
    }
}
