using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Model;

/// <summary>Names and shapes of the weights, [out, in], under the prefix that text-only checkpoints have.</summary>
internal static class Gemma3Parameters
{
    public const string Prefix = "model.";
    public const string Embedding = "model.embed_tokens.weight";
    public const string FinalNorm = "model.norm.weight";

    public static string OfLayer(int layer, string part) => $"{Prefix}layers.{layer}.{part}.weight";

    public static bool IsNorm(Shape shape) => shape.Rank == 1;

    /// <summary>Every parameter in the order of the forward pass.</summary>
    public static IEnumerable<(string Name, Shape Shape)> All(Gemma3Config config)
    {
        yield return (Embedding, new Shape(config.VocabularySize, config.HiddenSize));
        for (var layer = 0; layer < config.LayerCount; layer++)
        {
            foreach (var (part, shape) in Layer(config))
            {
                yield return (OfLayer(layer, part), shape);
            }
        }

        yield return (FinalNorm, new Shape(config.HiddenSize));
    }

    private static IEnumerable<(string Part, Shape Shape)> Layer(Gemma3Config config)
    {
        var (hidden, inner) = (config.HiddenSize, config.IntermediateSize);
        var queries = config.HeadCount * config.HeadDimension;
        var keys = config.KeyValueHeadCount * config.HeadDimension;
        return
        [
            ("input_layernorm", new Shape(hidden)),
            ("self_attn.q_proj", new Shape(queries, hidden)),
            ("self_attn.k_proj", new Shape(keys, hidden)),
            ("self_attn.v_proj", new Shape(keys, hidden)),
            ("self_attn.q_norm", new Shape(config.HeadDimension)),
            ("self_attn.k_norm", new Shape(config.HeadDimension)),
            ("self_attn.o_proj", new Shape(hidden, queries)),
            ("post_attention_layernorm", new Shape(hidden)),
            ("pre_feedforward_layernorm", new Shape(hidden)),
            ("mlp.gate_proj", new Shape(inner, hidden)),
            ("mlp.up_proj", new Shape(inner, hidden)),
            ("mlp.down_proj", new Shape(hidden, inner)),
            ("post_feedforward_layernorm", new Shape(hidden)),
        ];
    }
}
