namespace Workflows.TpuWorker.Tensors;

/// <summary>A gradient was asked through an operation, or one of its operands, that has none.</summary>
/// <param name="operation">Name of the operation as the op table has it, or which of its operands.</param>
public sealed class GradientUndefinedException(string operation)
    : TpuWorkerException(
        "tensor.gradient", $"{operation} has no gradient rule; a parameter reaches the loss through it.")
{
    /// <summary>Name of the operation as the op table has it, or which of its operands.</summary>
    public string Operation { get; } = operation;
}
