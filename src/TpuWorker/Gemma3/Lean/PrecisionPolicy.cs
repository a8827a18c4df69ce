using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>
/// The element types of a step. Sums are single precision in every policy: norms, attention scores, softmax, logits,
/// losses, the optimizer, and gradients that are added up over rounds of a loop.
/// </summary>
/// <param name="Store">Type of trained weights and their moments.</param>
/// <param name="Frozen">Type of weights that are not trained.</param>
/// <param name="Compute">Type of operands of products, and of activations between layers.</param>
/// <param name="Products">Precision of the multiplication of single-precision products.</param>
public sealed record PrecisionPolicy(DType Store, DType Frozen, DType Compute, ProductPrecision Products)
{
    /// <summary>Gets single precision for everything, in which executors are compared.</summary>
    public static PrecisionPolicy Full { get; } =
        new(DType.Float32, DType.Float32, DType.Float32, ProductPrecision.Highest);

    /// <summary>Gets the natural types of a TPU: trained weights single, frozen weights and products
    /// bfloat16.</summary>
    public static PrecisionPolicy Mixed { get; } =
        new(DType.Float32, DType.BFloat16, DType.BFloat16, ProductPrecision.Highest);

    /// <summary>
    /// Gets the factor of the embeddings: the root of the hidden size in the type of the computation, as in the
    /// reference (transformers, Gemma3TextScaledWordEmbedding).
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
