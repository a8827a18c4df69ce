namespace Workflows.TpuWorker.Tensors;

/// <summary>Computes result types, and checks operand types, for the op table.</summary>
internal static class DTypeRules
{
    public static DType Declared(OpCall call) => call.Attributes.DType;

    public static DType OfValue(OpCall call) => ShapeRules.Need(call, call.Attributes.Value, "Value").DType;

    public static DType OfFirst(OpCall call) => call.Operands[0].DType;

    /// <summary>Requires single precision throughout, the type of composites.</summary>
    public static DType AllFloat(OpCall call)
    {
        for (var i = 0; i < call.Operands.Count; i++)
        {
            Require(call, i, DType.Float32);
        }

        return DType.Float32;
    }

    /// <summary>Requires operands of one type.</summary>
    public static DType Same(OpCall call)
    {
        for (var i = 1; i < call.Operands.Count; i++)
        {
            Require(call, i, call.Operands[0].DType);
        }

        return call.Operands[0].DType;
    }

    /// <summary>Requires operands of one type of real numbers.</summary>
    public static DType SameReal(OpCall call)
    {
        Demand(call, 0, call.Operands[0].DType.IsFloat(), "Float32 or BFloat16");
        return Same(call);
    }

    /// <summary>Requires operands of one type of numbers.</summary>
    public static DType SameNumber(OpCall call)
    {
        Demand(call, 0, call.Operands[0].DType != DType.Bool, "a type of numbers");
        return Same(call);
    }

    /// <summary>Requires operands of one type of bits: Booleans or unsigned numbers.</summary>
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

    /// <summary>Requires a Boolean and two operands of one type.</summary>
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

    /// <summary>Requires indices as operand 1, and single-precision numbers as all others.</summary>
    public static DType IndexAtOne(OpCall call)
    {
        for (var i = 0; i < call.Operands.Count; i++)
        {
            Require(call, i, i == 1 ? DType.Int32 : DType.Float32);
        }

        return DType.Float32;
    }

    /// <summary>Requires indices as operand 1, and values of one type as all others.</summary>
    public static DType RowsAtOne(OpCall call) => RowsAt(call, 1);

    /// <summary>Requires an index as operand 2, and values of one type as all others.</summary>
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
