using Workflows.Activities.Capacity;
using Workflows.ModelFiles;
using Workflows.Orchestrations;
using Workflows.TpuWorker.Compile;

namespace Workflows.Service.Runs;

/// <summary>Counts programs with the room that builds them, which the activities do not see.</summary>
internal sealed class ProgramMemory : IProgramMemory
{
    public long? LeastBytesPerChip(Gemma3Config model, RunSpec spec, int chips)
    {
        try
        {
            return StepCompiler.LeastArgumentBytes(new CompileRequest
            {
                Model = model,

                // The number of chips alone counts here, not their generation.
                Topology = $"v6e:1x{chips}",
                Batch = spec.Training.BatchSize,
                Length = spec.Training.MaxLength,
                MicroBatches = spec.Training.AccumulationSteps,

                // An adapter for some layers is smaller than one for all: the least one is no more than either.
                LoraRank = spec.Training.Method == "lora"
                    ? (spec.Training.Lora.Targets.Count > 0 ? 1 : spec.Training.Lora.Rank)
                    : null,
            });
        }
        catch (CompileException)
        {
            // Sizes that no program can have are worded by the checks before renting.
            return null;
        }
    }
}
