namespace Workflows.TpuWorker.Tensors;

/// <summary>Result types, and the checks of operand types, as the op table names them.</summary>
internal static class DTypeRules
{
    public static DType Declared(OpCall call) => call.Attributes.DType;

    public static DType OfValue(OpCall call) => ShapeRules.Need(call, call.Attributes.Value, "Value").DType;

    public static DType OfFirst(OpCall call) => call.Operands[0].DType;

    public static DType AllFloat(OpCall call)
    {
        for (var i = 0; i < call.Operands.Count; i++)
        {
            Require(call, i, DType.Float32);
        }

        return DType.Float32;
    }

    /// <summary>Operand 1 holds indices, all others numbers.</summary>
    public static DType IndexAtOne(OpCall call)
    {
        for (var i = 0; i < call.Operands.Count; i++)
        {
            Require(call, i, i == 1 ? DType.Int32 : DType.Float32);
        }

        return DType.Float32;
    }

    private static void Require(OpCall call, int operand, DType wanted)
    {
        var got = call.Operands[operand].DType;
        if (got != wanted)
        {
            throw new TensorShapeException($"{call.Op}", $"operand {operand} type", $"{got}", $"{wanted}");
        }
    }
}
