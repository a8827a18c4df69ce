namespace Workflows.TpuWorker.Tensors;

/// <summary>Result types, and the checks of operand types, as the op table names them.</summary>
internal static class DTypeRules
{
    public static DType Declared(OpCall call) => call.Attributes.DType;

    public static DType OfValue(OpCall call) => ShapeRules.Need(call, call.Attributes.Value, "Value").DType;

    public static DType OfFirst(OpCall call) => call.Operands[0].DType;

    /// <summary>Single precision throughout, which composites compute in.</summary>
    public static DType AllFloat(OpCall call)
    {
        for (var i = 0; i < call.Operands.Count; i++)
        {
            Require(call, i, DType.Float32);
        }

        return DType.Float32;
    }

    /// <summary>All of one type.</summary>
    public static DType Same(OpCall call)
    {
        for (var i = 1; i < call.Operands.Count; i++)
        {
            Require(call, i, call.Operands[0].DType);
        }

        return call.Operands[0].DType;
    }

    /// <summary>All of one type that has real numbers.</summary>
    public static DType SameReal(OpCall call)
    {
        Demand(call, 0, call.Operands[0].DType.IsFloat(), "Float32 or BFloat16");
        return Same(call);
    }

    /// <summary>All of one type that has numbers.</summary>
    public static DType SameNumber(OpCall call)
    {
        Demand(call, 0, call.Operands[0].DType != DType.Bool, "a type of numbers");
        return Same(call);
    }

    /// <summary>All of one type that has bits: truth values or unsigned numbers.</summary>
    public static DType SameBits(OpCall call)
    {
        Demand(call, 0, call.Operands[0].DType is DType.Bool or DType.UInt32, "Bool or UInt32");
        return Same(call);
    }

    public static DType Unsigned(OpCall call)
    {
        Demand(call, 0, call.Operands[0].DType == DType.UInt32, "UInt32");
        return Same(call);
    }

    public static DType Product(OpCall call)
    {
        var (operands, result) = (SameReal(call), call.Attributes.DType);
        return result == DType.Float32 || (result == DType.BFloat16 && operands == DType.BFloat16)
            ? result
            : throw new TensorShapeException($"{call.Op}", "DType", $"{result}", "Float32, or BFloat16 from BFloat16");
    }

    public static DType Converted(OpCall call) => call.Attributes.DType != DType.Bool
        ? call.Attributes.DType
        : throw new TensorShapeException($"{call.Op}", "DType", "Bool", "a type of numbers; compare with 0 instead");

    public static DType Comparison(OpCall call)
    {
        Same(call);
        return DType.Bool;
    }

    /// <summary>A truth value chooses between two of one type.</summary>
    public static DType Choice(OpCall call)
    {
        Require(call, 0, DType.Bool);
        Require(call, 2, call.Operands[1].DType);
        return call.Operands[1].DType;
    }

    public static DType Indices(OpCall call)
    {
        SameReal(call);
        return DType.Int32;
    }

    /// <summary>Operand 1 holds indices, all others single-precision numbers.</summary>
    public static DType IndexAtOne(OpCall call)
    {
        for (var i = 0; i < call.Operands.Count; i++)
        {
            Require(call, i, i == 1 ? DType.Int32 : DType.Float32);
        }

        return DType.Float32;
    }

    /// <summary>Operand 1 holds indices, all others values of one type.</summary>
    public static DType RowsAtOne(OpCall call) => RowsAt(call, 1);

    /// <summary>Operand 2 holds an index, all others values of one type.</summary>
    public static DType RowsAtTwo(OpCall call) => RowsAt(call, 2);

    public static DType Loop(OpCall call) => DType.Int32;

    public static DType LoopResult(OpCall call) =>
        ShapeRules.LoopOf(call).Body.Outputs[call.Attributes.Start].Value.DType;

    private static DType RowsAt(OpCall call, int index)
    {
        for (var i = 0; i < call.Operands.Count; i++)
        {
            Require(call, i, i == index ? DType.Int32 : call.Operands[0].DType);
        }

        return call.Operands[0].DType;
    }

    private static void Require(OpCall call, int operand, DType wanted) =>
        Demand(call, operand, call.Operands[operand].DType == wanted, $"{wanted}");

    private static void Demand(OpCall call, int operand, bool holds, string wanted)
    {
        if (!holds)
        {
            throw new TensorShapeException(
                $"{call.Op}", $"operand {operand} type", $"{call.Operands[operand].DType}", wanted);
        }
    }
}
