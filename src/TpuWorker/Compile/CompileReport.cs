namespace Workflows.TpuWorker.Compile;

/// <summary>The programs of a run, checked for the chips of one host.</summary>
public sealed record CompileReport
{
    /// <summary>Gets the topology, such as <c>v6e:1x1</c>.</summary>
    public required string Topology { get; init; }

    /// <summary>Gets the chips that the programs are split over.</summary>
    public int Chips { get; init; } = 1;

    /// <summary>Gets the method: <c>full</c>, or <c>lora</c> with its rank.</summary>
    public required string Method { get; init; }

    /// <summary>Gets the rows of a pass.</summary>
    public required int Batch { get; init; }

    /// <summary>Gets the positions of a row.</summary>
    public required int Length { get; init; }

    /// <summary>Gets the weights of the model.</summary>
    public required long Parameters { get; init; }

    /// <summary>Gets the weights that are trained.</summary>
    public required long TrainedParameters { get; init; }

    /// <summary>Gets the device memory of the chip that a program can use, in bytes.</summary>
    public required long MemoryLimitBytes { get; init; }

    /// <summary>
    /// Gets the compiler: platform and version; null if there was none, and the figures come from the programs
    /// themselves.
    /// </summary>
    public string? Compiler { get; init; }

    /// <summary>Gets the training step and the two programs of decoding.</summary>
    public required IReadOnlyList<CompiledProgram> Programs { get; init; }

    /// <summary>Gets the most rows of a pass that fit the chip; null if not searched for.</summary>
    public int? LargestBatch { get; init; }

    /// <summary>Gets the tokens of a step.</summary>
    public long TokensPerStep { get; init; }

    /// <summary>
    /// Gets the seconds of a training step at the chip's peak or at its memory's bandwidth, whichever is longer: a
    /// lower bound.
    /// </summary>
    public required double StepSeconds { get; init; }

    /// <summary>Gets the price of such a step in US dollars; null if the price is not known.</summary>
    public double? StepUsd { get; init; }
}

/// <summary>One program.</summary>
/// <param name="Name"><c>training_step</c>, <c>prefill</c> or <c>decode</c>.</param>
/// <param name="TextBytes">Length of its StableHLO text.</param>
/// <param name="Hash">SHA-256 of the text.</param>
/// <param name="Flops">Floating-point operations of its products, with every round of a loop counted.</param>
/// <param name="ArgumentBytes">Bytes of its arguments.</param>
/// <param name="DonatedBytes">Bytes of arguments whose memory its outputs reuse.</param>
public sealed record CompiledProgram(
    string Name, long TextBytes, string Hash, long Flops, long ArgumentBytes, long DonatedBytes)
{
    /// <summary>Gets the memory that the compiler counts; null without a compiler, or if it does not fit.</summary>
    public ProgramMemory? Memory { get; init; }

    /// <summary>Gets the compiler's refusal, for example that the program does not fit; null if it compiled.</summary>
    public string? Refusal { get; init; }

    /// <summary>Gets the seconds of the compilation.</summary>
    public double? CompileSeconds { get; init; }

    /// <summary>Gets the file with its text; null for none.</summary>
    public string? File { get; init; }
}

/// <summary>Memory of a program on each chip, in bytes.</summary>
/// <param name="Arguments">Arguments, including donated ones.</param>
/// <param name="Temporaries">Values that live while it runs.</param>
/// <param name="Outputs">Outputs, including those in donated memory.</param>
/// <param name="Aliased">Outputs in donated memory.</param>
/// <param name="Code">Code.</param>
/// <param name="Total">Memory that must be free: arguments, outputs of their own, temporaries and code.</param>
public sealed record ProgramMemory(
    long Arguments, long Temporaries, long Outputs, long Aliased, long Code, long Total)
{
    /// <summary>Gets a value indicating whether these can be a compiler's figures.</summary>
    internal bool IsPossible => Total > 0 && Arguments >= 0 && Temporaries >= 0 && Outputs >= 0 && Code >= 0
        && Aliased >= 0 && Aliased <= Outputs;
}
