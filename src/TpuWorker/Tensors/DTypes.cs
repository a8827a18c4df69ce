namespace Workflows.TpuWorker.Tensors;

/// <summary>Properties of element types.</summary>
public static class DTypes
{
    /// <summary>Returns whether a type has real numbers, which have gradients, not indices, bits or Booleans.</summary>
    /// <param name="type">The type.</param>
    /// <returns>true for <see cref="DType.Float32"/> and <see cref="DType.BFloat16"/>.</returns>
    public static bool IsFloat(this DType type) => type is DType.Float32 or DType.BFloat16;

    /// <summary>Gets the size of an element in memory.</summary>
    /// <param name="type">The type.</param>
    /// <returns>Bytes: 1, 2 or 4.</returns>
    public static int Bytes(this DType type) => type switch
    {
        DType.Bool => 1,
        DType.BFloat16 => 2,
        _ => 4,
    };

    /// <summary>Rounds to the nearest bfloat16, ties to even, as accelerators do.</summary>
    /// <param name="value">The number; one that is not finite stays as it is.</param>
    /// <returns>A number that a bfloat16 holds exactly.</returns>
    public static float RoundToBFloat16(float value) => FromBFloat16Bits(ToBFloat16Bits(value));

    /// <summary>Rounds to the nearest bfloat16, ties to even.</summary>
    /// <param name="value">The number.</param>
    /// <returns>Its sixteen bits.</returns>
    public static ushort ToBFloat16Bits(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value)
            ? (ushort)((bits >> 16) | 0x40)
            : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>Widens a bfloat16, exactly.</summary>
    /// <param name="bits">Its sixteen bits.</param>
    /// <returns>The number.</returns>
    public static float FromBFloat16Bits(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);
}
