using System.Diagnostics.CodeAnalysis;

namespace Workflows.TpuWorker.Tensors;

/// <summary>Computes result shapes, and checks operand shapes, for the op table.</summary>
internal static partial class ShapeRules
{
    public static Shape Declared(OpCall call) => Need(call, call.Attributes.Shape, "Shape");

    public static Shape OfValue(OpCall call) => Need(call, call.Attributes.Value, "Value").Shape;

    public static Shape SameAsFirst(OpCall call)
    {
        for (var i = 1; i < call.Operands.Count; i++)
        {
            Require(call, i, call.Operands[0].Shape);
        }

        return call.Operands[0].Shape;
    }

    public static Shape Broadcast(OpCall call)
    {
        var (left, right) = (call.Operands[0].Shape, call.Operands[1].Shape);
        return Shape.Broadcast(left, right)
            ?? throw Fault(call, "operand 1", $"{right}", $"a shape that broadcasts with {left}");
    }

    public static Shape MatMul(OpCall call)
    {
        var (a, b) = (call.Operands[0].Shape, call.Operands[1].Shape);
        RequireRank(call, 0, a.Rank >= 2, "rank 2 or more");
        RequireRank(call, 1, b.Rank == a.Rank, $"rank {a.Rank}");
        var (rows, inner) = call.Attributes.TransposeLeft ? (a[^1], a[^2]) : (a[^2], a[^1]);
        var (innerRight, columns) = call.Attributes.TransposeRight ? (b[^1], b[^2]) : (b[^2], b[^1]);
        var batch = a.Dimensions[..^2];
        if (inner != innerRight || !batch.SequenceEqual(b.Dimensions[..^2]))
        {
            var op = call.Attributes;
            throw Fault(call, "operand 1", $"{b} (transposed: {op.TransposeRight})",
                $"leading axes of {a} and inner size {inner} (left transposed: {op.TransposeLeft})");
        }

        return new Shape([.. batch, rows, columns]);
    }

    public static Shape Reshape(OpCall call)
    {
        var target = Declared(call);
        return target.ElementCount == call.Operands[0].Shape.ElementCount
            ? target
            : throw Fault(
                call, "operand 0", $"{call.Operands[0].Shape}", $"{target.ElementCount} elements for {target}");
    }

    public static Shape Transpose(OpCall call)
    {
        var shape = call.Operands[0].Shape;
        var axes = call.Attributes.Axes;
        if (!axes.Order().SequenceEqual(Enumerable.Range(0, shape.Rank)))
        {
            throw Fault(call, "Axes", $"({string.Join(", ", axes)})", $"a permutation of {shape.Rank} axes");
        }

        return new Shape([.. axes.Select(axis => shape[axis])]);
    }

    public static Shape Slice(OpCall call)
    {
        var (shape, at) = (call.Operands[0].Shape, call.Attributes);
        RequireAxis(call, shape);
        return at.Start >= 0 && at.Length >= 0 && at.Start + at.Length <= shape[at.Axis]
            ? WithAxis(shape, at.Axis, at.Length)
            : throw Fault(call, "range", $"{at.Start}+{at.Length}", $"within axis {at.Axis} of {shape}");
    }

    public static Shape Pad(OpCall call)
    {
        var (shape, at) = (call.Operands[0].Shape, call.Attributes);
        RequireAxis(call, shape);
        return at.Start >= 0 && at.Start + shape[at.Axis] <= at.Length
            ? WithAxis(shape, at.Axis, at.Length)
            : throw Fault(call, "operand 0", $"{shape}", $"axis {at.Axis} to fit {at.Length} from {at.Start}");
    }

    public static Shape Concat(OpCall call)
    {
        if (call.Operands.Count == 0)
        {
            throw Fault(call, "operand count", "0", "1 or more");
        }

        var first = call.Operands[0].Shape;
        RequireAxis(call, first);
        var axis = call.Attributes.Axis;
        var total = first[axis];
        for (var i = 1; i < call.Operands.Count; i++)
        {
            var shape = call.Operands[i].Shape;
            RequireRank(call, i, shape.Rank == first.Rank, $"rank {first.Rank}");
            Require(call, i, WithAxis(first, axis, shape[axis]));
            total += shape[axis];
        }

        return WithAxis(first, axis, total);
    }

    public static Shape Reduce(OpCall call)
    {
        var shape = call.Operands[0].Shape;
        var result = shape.Dimensions.ToArray();
        var last = -1;
        foreach (var axis in call.Attributes.Axes)
        {
            if (axis <= last || axis >= shape.Rank)
            {
                throw Fault(call, "Axes", $"({string.Join(", ", call.Attributes.Axes)})", $"ascending axes of {shape}");
            }

            (result[axis], last) = (1, axis);
        }

        return new Shape(result);
    }

    public static Shape BroadcastTo(OpCall call)
    {
        var (shape, target) = (call.Operands[0].Shape, Declared(call));
        return target.Equals(Shape.Broadcast(shape, target))
            ? target
            : throw Fault(call, "operand 0", $"{shape}", $"a shape that broadcasts to {target}");
    }

    public static Shape Gather(OpCall call)
    {
        RequireRank(call, 0, call.Operands[0].Shape.Rank >= 1, "rank 1 or more");
        return new Shape([.. call.Operands[1].Shape.Dimensions, .. call.Operands[0].Shape.Dimensions[1..]]);
    }

    public static Shape ScatterAdd(OpCall call)
    {
        RequireRank(call, 0, call.Operands[0].Shape.Rank >= 1, "rank 1 or more");
        RequireRank(call, 1, call.Operands[1].Shape.Rank == 1, "rank 1");
        var table = call.Operands[0].Shape;
        Require(call, 2, WithAxis(table, 0, call.Operands[1].Shape[0]));
        return table;
    }

    public static Shape RmsNorm(OpCall call)
    {
        var shape = call.Operands[0].Shape;
        RequireRank(call, 0, shape.Rank >= 1, "rank 1 or more");
        Require(call, 1, new Shape(shape[^1]));
        return shape;
    }

    public static Shape RmsNormGradient(OpCall call)
    {
        Require(call, 2, call.Operands[0].Shape);
        return RmsNorm(call);
    }

    public static Shape RmsNormScaleGradient(OpCall call)
    {
        Require(call, 1, call.Operands[0].Shape);
        RequireRank(call, 0, call.Operands[0].Shape.Rank >= 1, "rank 1 or more");
        return new Shape(call.Operands[0].Shape[^1]);
    }

    public static Shape Rope(OpCall call)
    {
        var shape = call.Operands[0].Shape;
        RequireRank(call, 0, shape.Rank == 4 && shape[3] % 2 == 0, "[B, S, H, D] with even D");
        var table = new Shape(shape[0], shape[1], shape[3] / 2);
        Require(call, 1, table);
        Require(call, 2, table);
        return shape;
    }

    public static Shape CrossEntropy(OpCall call)
    {
        RequireRank(call, 0, call.Operands[0].Shape.Rank == 2, "rank 2");
        var labels = new Shape(call.Operands[0].Shape[0]);
        Require(call, 1, labels);
        return labels;
    }

    public static Shape CrossEntropyGradient(OpCall call)
    {
        Require(call, 2, CrossEntropy(call));
        return call.Operands[0].Shape;
    }

    public static Shape Dropout(OpCall call)
    {
        Require(call, 1, new Shape(1));
        var share = call.Attributes.Scalar;
        return share is >= 0 and < 1
            ? call.Operands[0].Shape
            : throw Fault(call, "Scalar", $"{share}", "0 to below 1");
    }

    internal static T Need<T>(OpCall call, [NotNull] T? value, string name)
        where T : class => value ?? throw Fault(call, name, "missing", "a value");

    private static Shape WithAxis(Shape shape, int axis, int size)
    {
        var result = shape.Dimensions.ToArray();
        result[axis] = size;
        return new Shape(result);
    }

    private static void RequireAxis(OpCall call, Shape shape)
    {
        if (call.Attributes.Axis < 0 || call.Attributes.Axis >= shape.Rank)
        {
            throw Fault(call, "Axis", $"{call.Attributes.Axis}", $"an axis of {shape}");
        }
    }

    private static void RequireRank(OpCall call, int operand, bool holds, string wanted)
    {
        if (!holds)
        {
            throw Fault(call, $"operand {operand}", $"{call.Operands[operand].Shape}", wanted);
        }
    }

    private static void Require(OpCall call, int operand, Shape wanted)
    {
        if (!call.Operands[operand].Shape.Equals(wanted))
        {
            throw Fault(call, $"operand {operand}", $"{call.Operands[operand].Shape}", $"{wanted}");
        }
    }

    private static TensorShapeException Fault(OpCall call, string operand, string got, string wanted) =>
        new($"{call.Op}", operand, got, wanted);
}
