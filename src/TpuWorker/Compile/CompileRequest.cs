using Workflows.ModelFiles;

namespace Workflows.TpuWorker.Compile;

/// <summary>The programs of a run, to be checked for a chip.</summary>
public sealed record CompileRequest
{
    /// <summary>Gets the sizes of the model.</summary>
    public required Gemma3Config Model { get; init; }

    /// <summary>Gets the topology, such as <c>v6e:1x1</c>.</summary>
    public required string Topology { get; init; }

    /// <summary>Gets the chips of the topology.</summary>
    /// <exception cref="CompileException">The topology is not that of one host.</exception>
    internal int Chips => TpuSlice.Parse(Topology).Chips;

    /// <summary>Gets the rows of a pass.</summary>
    /// <value>1 or more.</value>
    public required int Batch { get; init; }

    /// <summary>Gets the positions of a row.</summary>
    /// <value>1 or more.</value>
    public required int Length { get; init; }

    /// <summary>Gets the passes whose gradients make up a step.</summary>
    /// <value>1 or more.</value>
    public int MicroBatches { get; init; } = 1;

    /// <summary>Gets the rank of the adapter for all linear layers.</summary>
    /// <value>1 or more; null trains all weights.</value>
    public int? LoraRank { get; init; }

    /// <summary>Gets the linear layers that the adapter is for, by the checkpoint's names.</summary>
    /// <value>Empty for all seven.</value>
    public IReadOnlyList<string> LoraTargets { get; init; } = [];

    /// <summary>Gets the positions of a row for which the loss is computed.</summary>
    /// <value>1 to <see cref="Length"/>; null for all of them.</value>
    public int? Answers { get; init; }

    /// <summary>Gets the positions of a prompt that is translated.</summary>
    /// <value>1 or more; null for <see cref="Length"/>.</value>
    public int? PromptLength { get; init; }

    /// <summary>Gets the rows that are decoded at once.</summary>
    /// <value>1 or more.</value>
    public int DecodeBatch { get; init; } = 16;

    /// <summary>Gets the most tokens of a translation.</summary>
    /// <value>1 or more.</value>
    public int NewTokens { get; init; } = 128;

    /// <summary>Gets the plugin that compiles.</summary>
    /// <value>A path, or <c>cpu</c>, <c>libtpu</c>, <c>cuda</c>; null for an installed libtpu, if there is one.</value>
    public string? Plugin { get; init; }

    /// <summary>Gets a value indicating whether to search the largest batch that fits, by compiling several
    /// times.</summary>
    public bool FindsLargestBatch { get; init; }

    /// <summary>Gets the folder into which the programs are written.</summary>
    /// <value>null for none.</value>
    public string? DumpFolder { get; init; }
}
