namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>Computes the seed of the adapter's dropout in each pass.</summary>
internal static class DropoutSeeds
{
    // Number of a random stream that neither the data order nor a new adapter uses.
    private const ulong Stream = 1UL << 62;

    /// <summary>Returns the seed of a pass; 0 without dropout.</summary>
    /// <param name="options">The training's options.</param>
    /// <param name="stepsDone">Steps before this one.</param>
    /// <param name="pass">The pass in its step, from 0.</param>
    public static int Of(FineTuneOptions options, int stepsDone, int pass) => options.Lora is { Dropout: > 0 }
        ? (int)new SeededRandom(options.Seed, Stream + ((ulong)stepsDone << 20) + (ulong)pass).Next()
        : 0;
}
