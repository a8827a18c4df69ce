namespace Workflows.TpuWorker.Compile;

/// <summary>A generation of TPU chips, by its name in a compiler's topology.</summary>
/// <param name="Name">The part of a topology before the colon, such as <c>v6e</c>.</param>
/// <param name="AcceleratorType">Accelerator type with one chip, such as <c>v6e-1</c>; null for none.</param>
/// <param name="PeakTflops">Peak of bfloat16 products, in TFLOP/s.</param>
/// <param name="MemoryBytes">Device memory that a program can use, in bytes.</param>
/// <param name="GigabytesPerSecond">Bandwidth of the device memory, in GB/s.</param>
/// <remarks>
/// Sources: Google's pages of the generations (cloud.google.com/tpu/docs/v5e, v6e, v5p, v4) for peaks and bandwidths;
/// the limits of v5e and v6e are those in the compiler's own errors when a program does not fit.
/// </remarks>
public sealed record TpuChip(
    string Name, string? AcceleratorType, double PeakTflops, long MemoryBytes, double GigabytesPerSecond)
{
    private const long Gibibyte = 1L << 30;

    /// <summary>Gets the known generations.</summary>
    public static IReadOnlyList<TpuChip> All { get; } =
    [
        new("v5e", "v5litepod-1", 197, 16_909_332_480, 819),
        new("v6e", "v6e-1", 918, (long)(31.25 * Gibibyte), 1640),
        new("v5p", null, 459, 95 * Gibibyte, 2765),
        new("v4", null, 275, 32 * Gibibyte, 1228),
    ];
}
