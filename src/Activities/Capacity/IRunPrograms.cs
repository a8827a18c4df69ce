using Workflows.ModelFiles;
using Workflows.Orchestrations;
using Workflows.Translation;

namespace Workflows.Activities.Capacity;

/// <summary>Counts and compiles a run's programs, which the worker's projects build.</summary>
public interface IRunPrograms
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

    /// <summary>Counts the work of the run's programs from their graphs.</summary>
    /// <param name="model">The model's configuration.</param>
    /// <param name="spec">The run, for its method and precision.</param>
    /// <param name="shape">The shapes.</param>
    /// <param name="chips">Chips that the programs are split over.</param>
    /// <returns>The counts; null if such programs cannot be built.</returns>
    public ProgramCounts? Count(Gemma3Config model, RunSpec spec, ProgramShape shape, int chips);

    /// <summary>
    /// Compiles the run's programs for the chips of an accelerator type, if a compiler is available; minutes the first
    /// time, and at once for programs that were compiled before.
    /// </summary>
    /// <param name="model">The model's configuration.</param>
    /// <param name="spec">The run, at whose longest rows the programs are compiled.</param>
    /// <param name="acceleratorType">A type of one host.</param>
    /// <param name="cancellation">Ends the compiler.</param>
    /// <returns>The compiler's figures, or the reason why there are none.</returns>
    public Task<CompiledFigures> CompileAsync(
        Gemma3Config model, RunSpec spec, string acceleratorType, CancellationToken cancellation);

    /// <summary>Counts the tokens of pairs in the run's prompt, in each direction, as the worker does.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="folder">A model folder with its tokenizer.</param>
    /// <param name="pairs">The pairs.</param>
    /// <returns>Lengths of each pair in each direction.</returns>
    /// <exception cref="ModelFileException">The tokenizer or the configuration cannot be used.</exception>
    public IReadOnlyList<PairLength> Lengths(RunSpec spec, string folder, IReadOnlyList<SentencePair> pairs);
}

/// <summary>Tokens of a pair.</summary>
/// <param name="Prompt">Tokens of the prompt with the source text.</param>
/// <param name="Answer">Tokens of the translation, with the one that ends it.</param>
public sealed record PairLength(int Prompt, int Answer);

/// <summary>Shapes of a run's programs.</summary>
/// <param name="Rows">Rows of a pass.</param>
/// <param name="Length">Positions of a row.</param>
/// <param name="Answers">Positions of a row for which the loss is computed.</param>
/// <param name="PromptLength">Positions of a prompt that is translated.</param>
/// <param name="NewTokens">Tokens that are decoded for each text of a batch.</param>
public sealed record ProgramShape(int Rows, int Length, int Answers, int PromptLength, int NewTokens);

/// <summary>Work of a run's programs over all chips.</summary>
/// <param name="Parameters">Weights of the model.</param>
/// <param name="Step">An optimizer step.</param>
/// <param name="Batch">The translation of a batch of texts by one model.</param>
public sealed record ProgramCounts(double Parameters, WorkCount Step, WorkCount Batch)
{
    /// <summary>Gets the weights that are trained: those of the adapter, or all.</summary>
    public double TrainedParameters { get => field > 0 ? field : Parameters; init; }
}

/// <summary>Work of a program.</summary>
/// <param name="Flops">Floating-point operations of its products.</param>
/// <param name="Bytes">Bytes that it reads or writes in device memory at least.</param>
public sealed record WorkCount(double Flops, double Bytes);

/// <summary>Figures of a compiler for the chips, or the reason why there are none.</summary>
public sealed record CompiledFigures
{
    /// <summary>Gets the reason why there are no figures; null if there are.</summary>
    public string? Why { get; init; }

    /// <summary>Gets the compiler's name and version; null if it refused every program.</summary>
    public string? Compiler { get; init; }

    /// <summary>Gets the compiler's refusal of a program for its memory; null if all fit.</summary>
    public string? Refusal { get; init; }

    /// <summary>Gets the memory that each chip needs for the largest program, in bytes; null if none fits.</summary>
    public long? BytesPerChip { get; init; }

    /// <summary>
    /// Gets the bytes that a training step of the longest rows moves at least on each chip: arguments and outputs once,
    /// temporary values written and read once. null if it does not fit.
    /// </summary>
    public double? StepBytesPerChip { get; init; }
}
