namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>Which seed decides what the adapter's dropout leaves out in which pass.</summary>
internal static class DropoutSeeds
{
    // A stream of random numbers that neither the data order nor a fresh adapter uses.
    private const ulong Stream = 1UL << 62;

    /// <summary>The seed of a pass; 0 where nothing is left out.</summary>
    /// <param name="options">How to train.</param>
    /// <param name="stepsDone">Steps before this one.</param>
    /// <param name="pass">The pass in its step, from 0.</param>
    public static int Of(FineTuneOptions options, int stepsDone, int pass) => options.Lora is { Dropout: > 0 }
        ? (int)new SeededRandom(options.Seed, Stream + ((ulong)stepsDone << 20) + (ulong)pass).Next()
        : 0;
}
