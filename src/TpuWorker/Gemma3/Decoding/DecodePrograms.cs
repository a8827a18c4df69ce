using System.Numerics;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Gemma3.Training;

namespace Workflows.TpuWorker.Gemma3.Decoding;

/// <summary>The compiled passes of a model's decoding, kept between calls.</summary>
internal sealed class DecodePrograms(Gemma3Checkpoint model, int threads) : IDisposable
{
    private const int MaxPrograms = 12;

    // Positions by which a cache grows; chosen so that attention costs little more than for the text's own length.
    private const int CapacityStep = 64;

    private readonly ProgramCache<(int Batch, int Length), PrefillProgram> _prefills = new(MaxPrograms);
    private readonly ProgramCache<(int Batch, int Capacity), DecodeStep> _steps = new(MaxPrograms);

    /// <summary>Rounds up to a power of two: few shapes, and never more than twice the rows that are needed.</summary>
    public static int RowsFor(int count) => (int)BitOperations.RoundUpToPowerOf2((uint)count);

    /// <summary>
    /// Runs whole prompts and fills the cache of a step with them. The step has room for as many more positions as fit.
    /// </summary>
    public (PrefillProgram Prefill, DecodeStep Step) Begin(IReadOnlyList<int[]> prompts)
    {
        var rows = RowsFor(prompts.Count);
        var length = BatchShape.RoundLength(prompts.Max(prompt => prompt.Length));
        var prefill = _prefills.Get((rows, length), key => new PrefillProgram(model, key.Batch, key.Length, threads));
        prefill.Run(prompts);
        var step = StepFor(rows, length);
        prefill.CopyCacheTo(step);
        return (prefill, step);
    }

    public DecodeStep StepFor(int rows, int positions) => _steps.Get(
        (rows, CapacityFor(positions)), key => new DecodeStep(model, key.Batch, key.Capacity, threads));

    public static int CapacityFor(int positions) => (positions + CapacityStep - 1) / CapacityStep * CapacityStep;

    public void Dispose()
    {
        _prefills.Dispose();
        _steps.Dispose();
    }
}
