namespace Workflows.TpuWorker.Tensors;

/// <summary>The exception of a gradient through an operation, or one of its operands, that has none.</summary>
/// <param name="operation">Name of the operation in the op table, or of its operand.</param>
public sealed class GradientUndefinedException(string operation)
    : TpuWorkerException(
        "tensor.gradient", $"{operation} has no gradient rule; a parameter reaches the loss through it.")
{
    /// <summary>Name of the operation in the op table, or of its operand.</summary>
    public string Operation { get; } = operation;
}
