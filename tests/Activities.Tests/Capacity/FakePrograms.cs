using Workflows.Activities.Capacity;
using Workflows.ModelFiles;
using Workflows.Orchestrations;
using Workflows.Translation;

namespace Workflows.Activities.Tests.Capacity;

/// <summary>Programs whose figures a test chooses.</summary>
/// <param name="bytes">Bytes that each chip needs at least.</param>
internal sealed class FakePrograms(double bytes) : IRunPrograms
{
    public Gemma3Config? Model { get; private set; }

    /// <summary>Gets the work by the shape and the chips; null if no program can be built.</summary>
    public Func<ProgramShape, int, ProgramCounts?> Counts { get; init; } = (_, _) => null;

    /// <summary>Gets the compiler's figures by the accelerator type.</summary>
    public Func<string, CompiledFigures> Compiled { get; init; } =
        _ => new CompiledFigures { Why = "there is no compiler" };

    /// <summary>Gets the length of a pair; null if the tokenizer cannot be used.</summary>
    public Func<SentencePair, PairLength>? Length { get; init; }

    /// <summary>Gets the types that were compiled for, in order.</summary>
    public List<string> CompiledTypes { get; } = [];

    public long? LeastBytesPerChip(Gemma3Config model, RunSpec spec, int chips)
    {
        Model = model;
        return (long)bytes;
    }

    public ProgramCounts? Count(Gemma3Config model, RunSpec spec, ProgramShape shape, int chips) =>
        Counts(shape, chips);

    public Task<CompiledFigures> CompileAsync(
        Gemma3Config model, RunSpec spec, string acceleratorType, CancellationToken cancellation)
    {
        CompiledTypes.Add(acceleratorType);
        return Task.FromResult(Compiled(acceleratorType));
    }

    public IReadOnlyList<PairLength> Lengths(RunSpec spec, string folder, IReadOnlyList<SentencePair> pairs) =>
        Length is { } length
            ? [.. pairs.Select(length)]
            : throw new ModelFileException(Path.Combine(folder, "tokenizer.json"), "is damaged");
}
