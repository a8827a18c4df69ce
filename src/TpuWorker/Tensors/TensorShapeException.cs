namespace Workflows.TpuWorker.Tensors;

/// <summary>An operation was given an operand whose shape, type or attribute it cannot take.</summary>
/// <param name="operation">Name of the operation as the op table has it.</param>
/// <param name="operand">Which operand or attribute is at fault.</param>
/// <param name="got">The shapes that were given.</param>
/// <param name="wanted">The shapes that the operation can take.</param>
public sealed class TensorShapeException(string operation, string operand, string got, string wanted)
    : TpuWorkerException("tensor.shape", $"{operation}: {operand} is {got}, wanted {wanted}.")
{
    /// <summary>Name of the operation as the op table has it.</summary>
    public string Operation { get; } = operation;

    /// <summary>Which operand or attribute is at fault.</summary>
    public string Operand { get; } = operand;

    /// <summary>The shapes that were given.</summary>
    public string Got { get; } = got;

    /// <summary>The shapes that the operation can take.</summary>
    public string Wanted { get; } = wanted;
}
