using Workflows.Activities;
using Workflows.Activities.Capacity;
using Workflows.ModelFiles;
using Workflows.Orchestrations;
using Workflows.TpuWorker.Compile;
using Workflows.TpuWorker.Host;
using Workflows.Translation;

namespace Workflows.Service.Runs;

/// <summary>
/// Counts and compiles a run's programs with the worker's projects, which the activities do not reference.
/// </summary>
/// <param name="compiled">Compiles in a child process, and keeps the figures.</param>
internal sealed class RunPrograms(CompiledSteps compiled) : IRunPrograms
{
    public long? LeastBytesPerChip(Gemma3Config model, RunSpec spec, int chips) =>
        Try(() => StepCompiler.LeastArgumentBytes(RequestOf(model, spec, OfChips(chips))), out var bytes)
            ? bytes
            : null;

    public ProgramCounts? Count(Gemma3Config model, RunSpec spec, ProgramShape shape, int chips)
    {
        var request = RequestOf(model, spec, OfChips(chips)) with
        {
            Batch = shape.Rows,
            Length = shape.Length,
            Answers = shape.Answers,
            PromptLength = shape.PromptLength,
            NewTokens = shape.NewTokens,
        };
        return Try(() => StepCompiler.Count(request), out var counts)
            ? new ProgramCounts(
                counts.Parameters, new WorkCount(counts.Step.Flops, counts.Step.Bytes),
                new WorkCount(
                    counts.Prefill.Flops + (shape.NewTokens * counts.Token.Flops),
                    counts.Prefill.Bytes + (shape.NewTokens * counts.Token.Bytes)))
            {
                TrainedParameters = counts.TrainedParameters,
            }
            : null;
    }

    public async Task<CompiledFigures> CompileAsync(
        Gemma3Config model, RunSpec spec, string acceleratorType, CancellationToken cancellation)
    {
        if (TpuSlice.TopologyOf(acceleratorType) is not { } topology)
        {
            return new CompiledFigures { Why = "no topology is known in which each of its chips is one device" };
        }

        var (report, why) = await compiled.FindAsync(RequestOf(model, spec, topology), cancellation);
        if (report is null)
        {
            return new CompiledFigures { Why = why };
        }

        var step = report.Programs[0].Memory;
        var refused = report.Programs.FirstOrDefault(each => each.Refusal is not null);
        return new CompiledFigures
        {
            Compiler = report.Compiler,
            Refusal = refused is null ? null : $"{refused.Name}: {refused.Refusal}",
            BytesPerChip = report.Programs.Max(each => each.Memory?.Total),
            StepBytesPerChip = step is null ? null : step.Arguments + step.Outputs + (2.0 * step.Temporaries),
        };
    }

    public IReadOnlyList<PairLength> Lengths(RunSpec spec, string folder, IReadOnlyList<SentencePair> pairs) =>
    [
        .. spec.Directions().Select(direction => Prompts.Load(folder, direction, spec.Prompt, spec.PromptTemplate))
            .SelectMany(prompts => pairs.Select(prompts.Lengths))
            .Select(each => new PairLength(each.Prompt, each.Answer)),
    ];

    /// <summary>Returns a topology of a number of chips; their generation does not change the counts.</summary>
    private static string OfChips(int chips) => $"v6e:1x{chips}";

    private static CompileRequest RequestOf(Gemma3Config model, RunSpec spec, string topology) => new()
    {
        Model = model,
        Topology = topology,
        Batch = spec.Training.BatchSize,
        Length = spec.Training.MaxLength,
        MicroBatches = spec.Training.AccumulationSteps,
        LoraRank = spec.Training.Method == "lora" ? spec.Training.Lora.Rank : null,
        LoraTargets = spec.Training.Lora.Targets,
        DecodeBatch = spec.Evaluation.BatchSize,
        NewTokens = spec.Evaluation.MaxNewTokens,
    };

    /// <summary>Calls a count; the checks before renting report sizes that no program can have.</summary>
    private static bool Try<T>(Func<T> count, out T value)
    {
        try
        {
            value = count();
            return true;
        }
        catch (CompileException)
        {
            value = default!;
            return false;
        }
    }
}
