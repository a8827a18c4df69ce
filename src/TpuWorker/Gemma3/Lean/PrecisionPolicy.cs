using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>
/// Which element types a step uses for what. Sums are single precision in every policy: norms, attention scores,
/// softmax, logits, losses, the optimizer, and gradients that are added up over rounds of a loop.
/// </summary>
/// <param name="Store">Trained weights and their moments.</param>
/// <param name="Frozen">Weights that are not trained.</param>
/// <param name="Compute">Operands of products, and activations between layers.</param>
/// <param name="Products">How exactly products of single precision are multiplied.</param>
public sealed record PrecisionPolicy(DType Store, DType Frozen, DType Compute, ProductPrecision Products)
{
    /// <summary>Gets single precision for everything, which is what executors are compared in.</summary>
    public static PrecisionPolicy Full { get; } =
        new(DType.Float32, DType.Float32, DType.Float32, ProductPrecision.Highest);

    /// <summary>Gets what a TPU is made for: trained weights single, frozen weights and products bfloat16.</summary>
    public static PrecisionPolicy Mixed { get; } =
        new(DType.Float32, DType.BFloat16, DType.BFloat16, ProductPrecision.Highest);

    /// <summary>
    /// Gets the factor of the embeddings: the root of the hidden size in the type that is computed with, as the
    /// reference has it (transformers, Gemma3TextScaledWordEmbedding).
    /// </summary>
    /// <param name="hiddenSize">Width of the residual stream.</param>
    /// <returns>The factor: 25.298 for 640 in single precision, 25.25 in bfloat16.</returns>
    public float EmbeddingFactor(int hiddenSize)
    {
        var root = (float)Math.Sqrt(hiddenSize);
        return Compute == DType.BFloat16 ? DTypes.RoundToBFloat16(root) : root;
    }

    internal void Validate()
    {
        (DType Type, string Name)[] types =
            [(Store, nameof(Store)), (Frozen, nameof(Frozen)), (Compute, nameof(Compute))];
        foreach (var (type, name) in types)
        {
            if (!type.IsFloat())
            {
                throw new ModelInputException($"precision policy {name}", $"is {type}, wanted Float32 or BFloat16");
            }
        }
    }
}
