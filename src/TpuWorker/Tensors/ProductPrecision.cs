namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// The precision with which an accelerator, whose units are made for 16-bit numbers, multiplies numbers of
/// <see cref="DType.Float32"/>.
/// </summary>
public enum ProductPrecision
{
    /// <summary>The fastest: one pass of bfloat16 on a TPU, TF32 on a GPU.</summary>
    Default,

    /// <summary>Three passes of bfloat16 on a TPU.</summary>
    High,

    /// <summary>Single precision.</summary>
    Highest,
}
