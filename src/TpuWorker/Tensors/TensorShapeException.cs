namespace Workflows.TpuWorker.Tensors;

/// <summary>The exception of an operand whose shape, type or attribute is not valid for the operation.</summary>
/// <param name="operation">Name of the operation in the op table.</param>
/// <param name="operand">The operand or attribute at fault.</param>
/// <param name="got">The shapes that were given.</param>
/// <param name="wanted">The shapes that the operation accepts.</param>
public sealed class TensorShapeException(string operation, string operand, string got, string wanted)
    : TpuWorkerException("tensor.shape", $"{operation}: {operand} is {got}, wanted {wanted}.")
{
    /// <summary>Name of the operation in the op table.</summary>
    public string Operation { get; } = operation;

    /// <summary>The operand or attribute at fault.</summary>
    public string Operand { get; } = operand;

    /// <summary>The shapes that were given.</summary>
    public string Got { get; } = got;

    /// <summary>The shapes that the operation accepts.</summary>
    public string Wanted { get; } = wanted;
}
