namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// Which elements a dropout leaves out: a pure function of seed, stream and index, so that the backward pass leaves out
/// the same ones without their being kept, and a seed means the same on every machine.
/// </summary>
internal static class DropoutMask
{
    /// <summary>Below this a hash means left out.</summary>
    public static uint Threshold(float share) => (uint)(share * 4294967296.0);

    /// <summary>The start of a stream; streams of one seed have nothing to do with each other.</summary>
    public static uint Start(int seed, int stream) => Mix((uint)seed + Mix((uint)stream + 0x9E3779B9));

    /// <summary>Whether an element is kept; index is its place in row-major order.</summary>
    public static bool Keeps(uint start, long index, uint threshold) =>
        Mix((uint)index ^ Mix(start + (uint)(index >> 32))) >= threshold;

    // The finalizer of MurmurHash3 (Appleby).
    private static uint Mix(uint value)
    {
        value = (value ^ (value >> 16)) * 0x85EBCA6B;
        value = (value ^ (value >> 13)) * 0xC2B2AE35;
        return value ^ (value >> 16);
    }
}
