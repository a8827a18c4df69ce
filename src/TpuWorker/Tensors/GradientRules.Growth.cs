namespace Workflows.TpuWorker.Tensors;

/// <summary>Gradients of conversions, choices and dynamic ranges.</summary>
internal static partial class GradientRules
{
    public static IReadOnlyList<Node?> Sine(GradientCall c) =>
        [c.Graph.Multiply(c.Upstream, c.Graph.Cosine(c.Operand(0)))];

    public static IReadOnlyList<Node?> Cosine(GradientCall c) =>
        [c.Graph.Negate(c.Graph.Multiply(c.Upstream, c.Graph.Sine(c.Operand(0))))];

    /// <summary>
    /// Rounding has slope 1. A product that is about to be widened is computed in the wide type: its sums are wide
    /// anyway, and rounding them in between would only lose digits of a weight's gradient.
    /// </summary>
    public static IReadOnlyList<Node?> Convert(GradientCall c)
    {
        var (type, upstream) = (c.Operand(0).DType, c.Upstream);
        if (!type.IsFloat())
        {
            return [null];
        }

        return upstream is { Op: OpCode.MatMul, DType: DType.BFloat16 } && type == DType.Float32
            ? [c.Graph.Append(OpCode.MatMul, upstream.Operands, upstream.Attributes with { DType = type })]
            : [c.Graph.Convert(upstream, type)];
    }

    public static IReadOnlyList<Node?> Select(GradientCall c)
    {
        var none = c.Graph.Splat(c.Upstream.Shape, 0, c.Upstream.DType);
        return
        [
            null,
            SumTo(c.Graph.Select(c.Operand(0), c.Upstream, none), c.Operand(1)),
            SumTo(c.Graph.Select(c.Operand(0), none, c.Upstream), c.Operand(2)),
        ];
    }

    public static IReadOnlyList<Node?> Maximum(GradientCall c) => OfChosen(c, Comparison.GreaterOrEqual);

    public static IReadOnlyList<Node?> Minimum(GradientCall c) => OfChosen(c, Comparison.LessOrEqual);

    public static IReadOnlyList<Node?> ReduceMax(GradientCall c)
    {
        var g = c.Graph;
        var isLargest = g.Convert(g.Compare(c.Operand(0), Comparison.Equal, c.Node), c.Node.DType);
        var share = g.Divide(c.Upstream, g.ReduceSum(isLargest, c.Node.Attributes.Axes));
        return [g.Multiply(isLargest, share)];
    }

    public static IReadOnlyList<Node?> DynamicSlice(GradientCall c)
    {
        var (value, start) = (c.Operand(0), c.Operand(1));
        var zeros = c.Graph.Splat(value.Shape, 0, value.DType);
        return [c.Graph.DynamicUpdateSlice(zeros, c.Upstream, c.Node.Attributes.Axis, start), null];
    }

    public static IReadOnlyList<Node?> DynamicUpdateSlice(GradientCall c)
    {
        var (update, start, axis) = (c.Operand(1), c.Operand(2), c.Node.Attributes.Axis);
        var zeros = c.Graph.Splat(update.Shape, 0, update.DType);
        return
        [
            c.Graph.DynamicUpdateSlice(c.Upstream, zeros, axis, start),
            c.Graph.DynamicSlice(c.Upstream, axis, start, update.Shape[axis]),
            null,
        ];
    }

    public static IReadOnlyList<Node?> Barrier(GradientCall c) => [c.Upstream];

    private static Node[] OfChosen(GradientCall c, Comparison comparison)
    {
        var chosen = c.Graph.Compare(c.Operand(0), comparison, c.Operand(1));
        var none = c.Graph.Splat(c.Upstream.Shape, 0, c.Upstream.DType);
        return
        [
            SumTo(c.Graph.Select(chosen, c.Upstream, none), c.Operand(0)),
            SumTo(c.Graph.Select(chosen, none, c.Upstream), c.Operand(1)),
        ];
    }
}
