namespace Workflows.TpuWorker.Compile;

/// <summary>Work of a run's programs, counted from their graphs with every round of a loop; over all chips.</summary>
/// <param name="Parameters">Weights of the model, without an adapter.</param>
/// <param name="Step">The training step.</param>
/// <param name="Prefill">The prefill of a batch's prompts.</param>
/// <param name="Token">One more token of each row of the batch.</param>
public sealed record StepCounts(long Parameters, ProgramWork Step, ProgramWork Prefill, ProgramWork Token)
{
    /// <summary>Gets the weights that are trained: those of the adapter, or all.</summary>
    public required long TrainedParameters { get; init; }
}

/// <summary>Work of one program.</summary>
/// <param name="Flops">Floating-point operations of its products: two for each multiplication and addition.</param>
/// <param name="Bytes">
/// Bytes of arguments and outputs, which the program reads or writes at least once in device memory.
/// </param>
public sealed record ProgramWork(double Flops, double Bytes);
