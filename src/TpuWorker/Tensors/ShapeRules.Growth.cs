namespace Workflows.TpuWorker.Tensors;

/// <summary>Computes the shapes of comparisons, choices, indices and loops.</summary>
internal static partial class ShapeRules
{
    /// <summary>Returns the common shape of all operands.</summary>
    public static Shape BroadcastAll(OpCall call)
    {
        var shape = call.Operands[0].Shape;
        for (var i = 1; i < call.Operands.Count; i++)
        {
            var next = call.Operands[i].Shape;
            shape = Shape.Broadcast(shape, next)
                ?? throw Fault(call, $"operand {i}", $"{next}", $"a shape that broadcasts with {shape}");
        }

        return shape;
    }

    public static Shape Iota(OpCall call)
    {
        var shape = Declared(call);
        RequireAxis(call, shape);
        return shape;
    }

    public static Shape ReduceMax(OpCall call)
    {
        var shape = call.Operands[0].Shape;
        foreach (var axis in call.Attributes.Axes)
        {
            if (axis >= 0 && axis < shape.Rank && shape[axis] == 0)
            {
                throw Fault(call, "operand 0", $"{shape}", $"1 or more along axis {axis}");
            }
        }

        return Reduce(call);
    }

    public static Shape ArgMax(OpCall call)
    {
        var shape = call.Operands[0].Shape;
        RequireRank(call, 0, shape.Rank >= 1 && shape[^1] >= 1, "a last axis of 1 or more");
        return WithAxis(shape, shape.Rank - 1, 1);
    }

    public static Shape TopK(OpCall call)
    {
        var shape = call.Operands[0].Shape;
        RequireRank(call, 0, shape.Rank >= 1, "rank 1 or more");
        var count = call.Attributes.Length;
        return count >= 1 && count <= shape[^1]
            ? WithAxis(shape, shape.Rank - 1, count)
            : throw Fault(call, "Length", $"{count}", $"1 to {shape[^1]}");
    }

    public static Shape DynamicSlice(OpCall call)
    {
        var (shape, at) = (call.Operands[0].Shape, call.Attributes);
        RequireAxis(call, shape);
        Require(call, 1, Shape.Scalar);
        return at.Length >= 1 && at.Length <= shape[at.Axis]
            ? WithAxis(shape, at.Axis, at.Length)
            : throw Fault(call, "Length", $"{at.Length}", $"1 to {shape[at.Axis]}");
    }

    public static Shape DynamicUpdateSlice(OpCall call)
    {
        var (shape, update, axis) = (call.Operands[0].Shape, call.Operands[1].Shape, call.Attributes.Axis);
        RequireAxis(call, shape);
        RequireRank(call, 1, update.Rank == shape.Rank, $"rank {shape.Rank}");
        Require(call, 1, WithAxis(shape, axis, update[axis]));
        RequireRank(call, 1, update[axis] <= shape[axis], $"at most {shape[axis]} along axis {axis}");
        Require(call, 2, Shape.Scalar);
        return shape;
    }

    /// <summary>
    /// Returns a scalar, since a loop has no value of its own. Checks that the body's inputs match the loop's operands.
    /// </summary>
    public static Shape Scan(OpCall call)
    {
        var loop = Need(call, call.Attributes.Loop, "Loop");
        var inputs = loop.Body.Inputs;
        if (loop.Count < 1)
        {
            throw Fault(call, "Count", $"{loop.Count}", "1 or more");
        }

        if (inputs.Count != call.Operands.Count + 1 || loop.Kinds.Count != call.Operands.Count)
        {
            throw Fault(call, "body inputs", $"{inputs.Count}", $"{call.Operands.Count + 1}, the index first");
        }

        var carried = 0;
        for (var i = 0; i < call.Operands.Count; i++)
        {
            var (given, wanted) = (call.Operands[i], inputs[i + 1]);
            var shape = loop.Kinds[i] == ScanOperand.Sliced ? loop.Stacked(wanted.Shape) : wanted.Shape;
            if (given.DType != wanted.DType || !given.Shape.Equals(shape))
            {
                throw Fault(call, $"operand {i}", $"{given.DType}{given.Shape}", $"{wanted.DType}{shape}");
            }

            if (loop.Kinds[i] == ScanOperand.Carried)
            {
                var next = carried < loop.Body.Outputs.Count ? loop.Body.Outputs[carried].Value : null;
                carried++;
                if (next is null || next.DType != wanted.DType || !next.Shape.Equals(wanted.Shape))
                {
                    throw Fault(
                        call, $"the next value of operand {i}", next is null ? "missing" : $"{next.DType}{next.Shape}",
                        $"{wanted.DType}{wanted.Shape}");
                }
            }
        }

        return Shape.Scalar;
    }

    public static Shape ScanResult(OpCall call)
    {
        var loop = LoopOf(call);
        var result = loop.Body.Outputs[call.Attributes.Start].Value.Shape;
        return call.Attributes.Start < loop.CarriedCount ? result : loop.Stacked(result);
    }

    internal static ScanLoop LoopOf(OpCall call)
    {
        var loop = call.Operands[0].Attributes.Loop
            ?? throw Fault(call, "operand 0", $"{call.Operands[0].Op}", "a Scan");
        return call.Attributes.Start >= 0 && call.Attributes.Start < loop.Body.Outputs.Count
            ? loop
            : throw Fault(call, "Start", $"{call.Attributes.Start}", $"below {loop.Body.Outputs.Count}");
    }
}
