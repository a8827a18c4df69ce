using Workflows.Activities.Capacity;
using Workflows.ModelFiles;
using Workflows.Orchestrations;
using Workflows.TpuWorker.Compile;

namespace Workflows.Service.Runs;

/// <summary>Counts the memory of programs with the worker's projects, which the activities do not reference.</summary>
internal sealed class ProgramMemory : IProgramMemory
{
    public long? LeastBytesPerChip(Gemma3Config model, RunSpec spec, int chips)
    {
        try
        {
            return StepCompiler.LeastArgumentBytes(new CompileRequest
            {
                Model = model,

                // Only the number of chips counts here, not their generation.
                Topology = $"v6e:1x{chips}",
                Batch = spec.Training.BatchSize,
                Length = spec.Training.MaxLength,
                MicroBatches = spec.Training.AccumulationSteps,

                // An adapter for some layers is smaller than one for all: the smallest is a lower bound of both.
                LoraRank = spec.Training.Method == "lora"
                    ? (spec.Training.Lora.Targets.Count > 0 ? 1 : spec.Training.Lora.Rank)
                    : null,
            });
        }
        catch (CompileException)
        {
            // The checks before renting report sizes that no program can have.
            return null;
        }
    }
}
