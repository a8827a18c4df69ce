namespace Workflows.TpuWorker.Gemma3.Checkpoints;

/// <summary>Converts between single precision and its upper half, bfloat16.</summary>
internal static class BrainFloat
{
    private const int DroppedBits = 16;

    public static void Widen(ReadOnlySpan<ushort> from, Span<float> to)
    {
        for (var i = 0; i < from.Length; i++)
        {
            to[i] = BitConverter.UInt32BitsToSingle((uint)from[i] << DroppedBits);
        }
    }

    /// <summary>Rounds to nearest, ties to even; a NaN stays a NaN.</summary>
    public static ushort Narrow(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
        {
            return (ushort)((bits >> DroppedBits) | 0x40);
        }

        var roundUp = 0x7FFF + ((bits >> DroppedBits) & 1);
        return (ushort)((bits + roundUp) >> DroppedBits);
    }
}
