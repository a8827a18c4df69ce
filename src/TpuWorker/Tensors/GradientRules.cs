namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// Computes the gradient of each operand, given the gradient of the result, for the op table. Unused gradients are
/// removed when the graph is lowered, so rules need not check which operands matter.
/// </summary>
internal static partial class GradientRules
{
    public static IReadOnlyList<Node?> Add(GradientCall c) =>
        [SumTo(c.Upstream, c.Operand(0)), SumTo(c.Upstream, c.Operand(1))];

    public static IReadOnlyList<Node?> Subtract(GradientCall c) =>
        [SumTo(c.Upstream, c.Operand(0)), c.Graph.Negate(SumTo(c.Upstream, c.Operand(1)))];

    public static IReadOnlyList<Node?> Multiply(GradientCall c) =>
    [
        SumTo(c.Graph.Multiply(c.Upstream, c.Operand(1)), c.Operand(0)),
        SumTo(c.Graph.Multiply(c.Upstream, c.Operand(0)), c.Operand(1)),
    ];

    public static IReadOnlyList<Node?> Divide(GradientCall c)
    {
        var byLeft = c.Graph.Divide(c.Upstream, c.Operand(1));
        return
        [
            SumTo(byLeft, c.Operand(0)),
            c.Graph.Negate(SumTo(c.Graph.Multiply(byLeft, c.Node), c.Operand(1))),
        ];
    }

    public static IReadOnlyList<Node?> Negate(GradientCall c) => [c.Graph.Negate(c.Upstream)];

    public static IReadOnlyList<Node?> Exp(GradientCall c) => [c.Graph.Multiply(c.Upstream, c.Node)];

    public static IReadOnlyList<Node?> Log(GradientCall c) => [c.Graph.Divide(c.Upstream, c.Operand(0))];

    public static IReadOnlyList<Node?> Sqrt(GradientCall c) =>
        [c.Graph.Scale(c.Graph.Divide(c.Upstream, c.Node), 0.5f)];

    public static IReadOnlyList<Node?> Tanh(GradientCall c) =>
    [
        c.Graph.Subtract(
            c.Upstream, c.Graph.Multiply(c.Upstream, c.Graph.Multiply(c.Node, c.Node))),
    ];

    public static IReadOnlyList<Node?> Scale(GradientCall c) =>
        [c.Graph.Scale(c.Upstream, c.Node.Attributes.Scalar)];

    /// <summary>
    /// For C = s op(A) op(B): each operand's gradient is again one product, without a separate transpose, computed from
    /// numbers of the operands' type.
    /// </summary>
    public static IReadOnlyList<Node?> MatMul(GradientCall c)
    {
        var at = c.Node.Attributes;
        var (a, b, g) = (c.Operand(0), c.Operand(1), c.Graph);
        var d = g.Convert(c.Upstream, a.DType);
        Node Product(Node left, Node right, bool transposeLeft, bool transposeRight) =>
            g.MatMul(left, right, transposeLeft, transposeRight, at.Scalar, a.DType, at.Precision);
        var byLeft = at.TransposeLeft
            ? Product(b, d, at.TransposeRight, true)
            : Product(d, b, false, !at.TransposeRight);
        var byRight = at.TransposeRight
            ? Product(d, a, true, at.TransposeLeft)
            : Product(a, d, !at.TransposeLeft, false);
        return [byLeft, byRight];
    }

    public static IReadOnlyList<Node?> Reshape(GradientCall c) =>
        [c.Graph.Reshape(c.Upstream, c.Operand(0).Shape)];

    public static IReadOnlyList<Node?> Transpose(GradientCall c)
    {
        var axes = c.Node.Attributes.Axes;
        var inverse = new int[axes.Count];
        for (var i = 0; i < axes.Count; i++)
        {
            inverse[axes[i]] = i;
        }

        return [c.Graph.Transpose(c.Upstream, inverse)];
    }

    public static IReadOnlyList<Node?> Slice(GradientCall c)
    {
        var at = c.Node.Attributes;
        return [c.Graph.Pad(c.Upstream, at.Axis, at.Start, c.Operand(0).Shape[at.Axis])];
    }

    public static IReadOnlyList<Node?> Pad(GradientCall c)
    {
        var at = c.Node.Attributes;
        return [c.Graph.Slice(c.Upstream, at.Axis, at.Start, c.Operand(0).Shape[at.Axis])];
    }

    public static IReadOnlyList<Node?> Concat(GradientCall c)
    {
        var axis = c.Node.Attributes.Axis;
        var gradients = new Node?[c.Node.Operands.Count];
        var start = 0;
        for (var i = 0; i < gradients.Length; i++)
        {
            var length = c.Operand(i).Shape[axis];
            gradients[i] = c.Graph.Slice(c.Upstream, axis, start, length);
            start += length;
        }

        return gradients;
    }

    public static IReadOnlyList<Node?> ReduceSum(GradientCall c) =>
        [c.Graph.BroadcastTo(c.Upstream, c.Operand(0).Shape)];

    public static IReadOnlyList<Node?> BroadcastTo(GradientCall c) => [SumTo(c.Upstream, c.Operand(0))];

    public static IReadOnlyList<Node?> Gather(GradientCall c)
    {
        var (table, rows) = (c.Operand(0), c.Operand(1));
        var count = rows.Shape.Count;
        return
        [
            c.Graph.ScatterAdd(
                c.Graph.Splat(table.Shape, 0, table.DType),
                c.Graph.Reshape(rows, new Shape(count)),
                c.Graph.Reshape(c.Upstream, new Shape([count, .. table.Shape.Dimensions[1..]]))),
            null,
        ];
    }

    public static IReadOnlyList<Node?> ScatterAdd(GradientCall c) =>
        [c.Upstream, null, c.Graph.Gather(c.Upstream, c.Operand(1))];

    public static IReadOnlyList<Node?> Softmax(GradientCall c) =>
        [c.Graph.Append(OpCode.SoftmaxGradient, [c.Node, c.Upstream])];

    public static IReadOnlyList<Node?> RmsNorm(GradientCall c) =>
    [
        c.Graph.Append(OpCode.RmsNormGradient, [c.Operand(0), c.Operand(1), c.Upstream], c.Node.Attributes),
        c.Graph.Append(OpCode.RmsNormScaleGradient, [c.Operand(0), c.Upstream], c.Node.Attributes),
    ];

    public static IReadOnlyList<Node?> GeluTanh(GradientCall c) =>
        [c.Graph.Append(OpCode.GeluTanhGradient, [c.Operand(0), c.Upstream])];

    /// <summary>A rotation's transpose is the rotation back. The tables are data, never trained.</summary>
    public static IReadOnlyList<Node?> Rope(GradientCall c) =>
        [c.Graph.Rope(c.Upstream, c.Operand(1), c.Operand(2), !c.Node.Attributes.Inverse), null, null];

    public static IReadOnlyList<Node?> CrossEntropy(GradientCall c) =>
        [c.Graph.Append(OpCode.CrossEntropyGradient, [c.Operand(0), c.Operand(1), c.Upstream]), null];

    /// <summary>Dropped elements get no gradient, kept ones the same factor.</summary>
    public static IReadOnlyList<Node?> Dropout(GradientCall c) =>
        [c.Graph.Append(OpCode.Dropout, [c.Upstream, c.Operand(1)], c.Node.Attributes), null];

    /// <summary>Undoes broadcasting: sums over the axes along which the operand was repeated.</summary>
    private static Node SumTo(Node gradient, Node operand)
    {
        var extra = gradient.Shape.Rank - operand.Shape.Rank;
        var axes = new List<int>();
        for (var i = 0; i < gradient.Shape.Rank; i++)
        {
            if (i < extra || (operand.Shape[i - extra] == 1 && gradient.Shape[i] != 1))
            {
                axes.Add(i);
            }
        }

        var graph = gradient.Graph;
        return graph.Reshape(axes.Count == 0 ? gradient : graph.ReduceSum(gradient, axes), operand.Shape);
    }
}
