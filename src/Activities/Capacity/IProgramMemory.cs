using Workflows.ModelFiles;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>Counts the memory of a run's programs, which the worker's projects build.</summary>
public interface IProgramMemory
{
    /// <summary>
    /// Counts the weights, moments and rows that the training step takes as its arguments, by the program's own shapes.
    /// Temporary values of the step come on top; only a compiler knows them.
    /// </summary>
    /// <param name="model">The model's configuration.</param>
    /// <param name="spec">The run, for its rows, length and method.</param>
    /// <param name="chips">Chips that the program is split over.</param>
    /// <returns>Bytes that each chip needs at least; null if such a program cannot be built.</returns>
    public long? LeastBytesPerChip(Gemma3Config model, RunSpec spec, int chips);
}
