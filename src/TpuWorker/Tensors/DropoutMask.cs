namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// Decides which elements a dropout drops: a pure function of seed, stream and index, so that the backward pass drops
/// the same ones without storing them, and a seed gives the same result on every machine.
/// </summary>
public static class DropoutMask
{
    /// <summary>Returns the hash below which an element is dropped.</summary>
    /// <param name="share">The probability of dropping an element, 0 to below 1.</param>
    /// <returns>That share of the range of hashes.</returns>
    public static uint Threshold(float share) => (uint)(share * 4294967296.0);

    /// <summary>Returns the start of a stream; streams of one seed are independent.</summary>
    /// <param name="seed">The run's or step's seed.</param>
    /// <param name="stream">The number of the stream: one for each dropout of a program.</param>
    /// <returns>The start, for <see cref="Keeps"/>.</returns>
    public static uint Start(int seed, int stream) => Mix((uint)seed + Mix((uint)stream + 0x9E3779B9));

    /// <summary>Decides whether an element is kept.</summary>
    /// <param name="start">The stream's start.</param>
    /// <param name="index">The element's position in row-major order.</param>
    /// <param name="threshold">The value of <see cref="Threshold"/>.</param>
    /// <returns>true if it is kept.</returns>
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
