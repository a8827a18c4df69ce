namespace Workflows.ModelFiles;

/// <summary>Name and sizes of a weight, [out, in] for a matrix.</summary>
/// <param name="Name">Its name under the prefix of text-only checkpoints.</param>
/// <param name="Shape">Its sizes, outermost first.</param>
public sealed record Gemma3Tensor(string Name, IReadOnlyList<int> Shape);

/// <summary>Names and shapes of the weights of a Gemma 3 text model.</summary>
public static class Gemma3Tensors
{
    /// <summary>Prefix of every name in a text-only checkpoint.</summary>
    public const string Prefix = "model.";

    /// <summary>The embedding, which is also the output matrix.</summary>
    public const string Embedding = "model.embed_tokens.weight";

    /// <summary>The norm after the last layer.</summary>
    public const string FinalNorm = "model.norm.weight";

    /// <summary>Returns the name of a weight of a layer.</summary>
    /// <param name="layer">Index of the layer, from 0.</param>
    /// <param name="part">The weight within it, such as <c>mlp.up_proj</c>.</param>
    /// <returns>The name.</returns>
    public static string OfLayer(int layer, string part) => $"{Prefix}layers.{layer}.{part}.weight";

    /// <summary>Lists every weight in the order of the forward pass.</summary>
    /// <param name="config">Sizes of the model.</param>
    /// <returns>Names and shapes.</returns>
    public static IEnumerable<Gemma3Tensor> All(Gemma3Config config)
    {
        yield return new Gemma3Tensor(Embedding, [config.VocabularySize, config.HiddenSize]);
        var parts = Layer(config);
        for (var layer = 0; layer < config.LayerCount; layer++)
        {
            foreach (var (part, shape) in parts)
            {
                yield return new Gemma3Tensor(OfLayer(layer, part), shape);
            }
        }

        yield return new Gemma3Tensor(FinalNorm, [config.HiddenSize]);
    }

    private static (string Part, int[] Shape)[] Layer(Gemma3Config config)
    {
        var (hidden, inner) = (config.HiddenSize, config.IntermediateSize);
        var queries = config.HeadCount * config.HeadDimension;
        var keys = config.KeyValueHeadCount * config.HeadDimension;
        return
        [
            ("input_layernorm", [hidden]),
            ("self_attn.q_proj", [queries, hidden]),
            ("self_attn.k_proj", [keys, hidden]),
            ("self_attn.v_proj", [keys, hidden]),
            ("self_attn.q_norm", [config.HeadDimension]),
            ("self_attn.k_norm", [config.HeadDimension]),
            ("self_attn.o_proj", [hidden, queries]),
            ("post_attention_layernorm", [hidden]),
            ("pre_feedforward_layernorm", [hidden]),
            ("mlp.gate_proj", [inner, hidden]),
            ("mlp.up_proj", [inner, hidden]),
            ("mlp.down_proj", [hidden, inner]),
            ("post_feedforward_layernorm", [hidden]),
        ];
    }
}
