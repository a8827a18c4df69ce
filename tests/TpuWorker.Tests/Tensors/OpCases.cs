using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Tensors;

/// <summary>Every operation over even, odd, broadcast and degenerate shapes.</summary>
internal static partial class OpCases
{
    public static IReadOnlyList<OpCase> All { get; } =
    [
        new(OpCode.Input, "as it is", (_, x) => x[0], S(3, 2)),
        new(OpCode.Constant, "plus input", (g, x) => g.Add(
            x[0], g.Constant(new HostTensor(S(3), [1f, -2f, 0.5f]))), S(2, 3)),
        new(OpCode.Splat, "plus input", (g, x) => g.Add(x[0], g.Splat(S(2, 3), 1.25f)), S(2, 3)),
        .. Binary(OpCode.Add), .. Binary(OpCode.Subtract), .. Binary(OpCode.Multiply), .. Binary(OpCode.Divide),
        .. Unary(OpCode.Negate), .. Unary(OpCode.Exp), .. Unary(OpCode.Tanh), .. Unary(OpCode.GeluTanh),
        .. Unary(OpCode.Log, isPositive: true), .. Unary(OpCode.Sqrt, isPositive: true),
        new(OpCode.Scale, "by -0.75", (g, x) => g.Scale(x[0], -0.75f), S(3, 5)),
        .. MatMuls(),
        new(OpCode.MatMul, "few rows", (g, x) => g.MatMul(x[0], x[1], false, true, 0.5f), S(9, 3), S(520, 3)),
        new(OpCode.Reshape, "split", (g, x) => g.Reshape(x[0], S(2, 3, 2)), S(4, 3)),
        new(OpCode.Reshape, "to scalar", (g, x) => g.Reshape(x[0], Shape.Scalar), S(1, 1)),
        new(OpCode.Transpose, "2-D", (g, x) => g.Transpose(x[0], 1, 0), S(3, 5)),
        new(OpCode.Transpose, "heads", (g, x) => g.Transpose(x[0], 0, 2, 1, 3), S(2, 3, 4, 5)),
        new(OpCode.Transpose, "cycle", (g, x) => g.Transpose(x[0], 2, 0, 1), S(2, 3, 4)),
        new(OpCode.Slice, "last axis", (g, x) => g.Slice(x[0], 2, 1, 3), S(2, 3, 5)),
        new(OpCode.Slice, "first axis", (g, x) => g.Slice(x[0], 0, 1, 2), S(3, 4)),
        new(OpCode.Pad, "both sides", (g, x) => g.Pad(x[0], 1, 2, 7), S(2, 3)),
        new(OpCode.Pad, "in front", (g, x) => g.Pad(x[0], 0, 2, 4), S(2, 3)),
        new(OpCode.Concat, "three", (g, x) => g.Concat(1, x), S(2, 1, 3), S(2, 4, 3), S(2, 2, 3)),
        new(OpCode.Concat, "one", (g, x) => g.Concat(0, x), S(3)),
        new(OpCode.ReduceSum, "leading", (g, x) => g.ReduceSum(x[0], 0), S(5, 3)),
        new(OpCode.ReduceSum, "two leading", (g, x) => g.ReduceSum(x[0], 0, 1), S(2, 3, 4)),
        new(OpCode.ReduceSum, "last", (g, x) => g.ReduceSum(x[0], 1), S(5, 3)),
        new(OpCode.ReduceSum, "middle", (g, x) => g.ReduceSum(x[0], 1), S(2, 3, 4)),
        new(OpCode.ReduceSum, "all", (g, x) => g.ReduceSum(x[0], 0, 1), S(3, 7)),
        new(OpCode.BroadcastTo, "rows", (g, x) => g.BroadcastTo(x[0], S(4, 3)), S(3)),
        new(OpCode.BroadcastTo, "middle", (g, x) => g.BroadcastTo(x[0], S(2, 3, 5)), S(2, 1, 5)),
        Rows(OpCode.Gather, "rows", (g, x) => g.Gather(x[0], x[1]), 1, 7, S(7, 3), S(5)),
        Rows(OpCode.Gather, "two-dimensional", (g, x) => g.Gather(x[0], x[1]), 1, 2, S(2, 3), S(3, 4)),
        Rows(OpCode.ScatterAdd, "repeated rows", (g, x) => g.ScatterAdd(x[0], x[1], x[2]), 1, 3,
            S(3, 2), S(9), S(9, 2)),
        Rows(OpCode.ScatterAdd, "vector", (g, x) => g.ScatterAdd(x[0], x[1], x[2]), 1, 6, S(6), S(4), S(4)),
        new(OpCode.Softmax, "2-D", (g, x) => g.Softmax(x[0]), S(3, 7)),
        new(OpCode.Softmax, "scores", (g, x) => g.Softmax(x[0]), S(2, 3, 2, 5)),
        new(OpCode.Softmax, "one", (g, x) => g.Softmax(x[0]), S(4, 1)),
        new(OpCode.SoftmaxGradient, "2-D", (g, x) => g.Append(OpCode.SoftmaxGradient, x), S(3, 7), S(3, 7)),
        new(OpCode.RmsNorm, "2-D", (g, x) => g.RmsNorm(x[0], x[1], 1e-6f), S(5, 8), S(8)),
        new(OpCode.RmsNorm, "heads, large epsilon", (g, x) => g.RmsNorm(x[0], x[1], 0.1f), S(2, 3, 2, 7), S(7)),
        new(OpCode.RmsNormGradient, "heads", (g, x) => g.Append(OpCode.RmsNormGradient, x,
            new OpAttributes { Scalar = 1e-6f }), S(2, 3, 7), S(7), S(2, 3, 7)),
        new(OpCode.RmsNormScaleGradient, "heads", (g, x) => g.Append(OpCode.RmsNormScaleGradient, x,
            new OpAttributes { Scalar = 1e-6f }), S(2, 3, 7), S(2, 3, 7)),
        new(OpCode.GeluTanhGradient, "2-D", (g, x) => g.Append(OpCode.GeluTanhGradient, x), S(3, 5), S(3, 5)),
        new(OpCode.Rope, "forward", (g, x) => g.Rope(x[0], x[1], x[2]), S(2, 3, 4, 6), S(2, 3, 3), S(2, 3, 3)),
        new(OpCode.Rope, "inverse", (g, x) => g.Rope(x[0], x[1], x[2], true), S(1, 5, 1, 8), S(1, 5, 4), S(1, 5, 4)),
        new(OpCode.Rope, "one position", (g, x) => g.Rope(x[0], x[1], x[2]), S(3, 1, 2, 4), S(3, 1, 2), S(3, 1, 2)),
        Rows(OpCode.CrossEntropy, "even", (g, x) => g.CrossEntropy(x[0], x[1]), 1, 8, S(4, 8), S(4)),
        Rows(OpCode.CrossEntropy, "odd", (g, x) => g.CrossEntropy(x[0], x[1]), 1, 11, S(5, 11), S(5)),
        Rows(OpCode.CrossEntropyGradient, "odd", (g, x) => g.Append(OpCode.CrossEntropyGradient, x), 1, 11,
            S(5, 11), S(5), S(5)),
        Rows(OpCode.Dropout, "a third", (g, x) => g.Dropout(x[0], x[1], 0.33f, 2), 1, 100, S(6, 5), S(1)),
        Rows(OpCode.Dropout, "none", (g, x) => g.Dropout(x[0], x[1], 0, 0), 1, 100, S(7), S(1)),
        .. Growth(),
    ];

    /// <summary>Large enough for several threads, with widths that no vector divides.</summary>
    public static IReadOnlyList<OpCase> Large { get; } =
    [
        new(OpCode.GeluTanhGradient, "large", (g, x) => g.Append(OpCode.GeluTanhGradient, x), S(513, 131), S(513, 131)),
        new(OpCode.SoftmaxGradient, "large", (g, x) => g.Append(OpCode.SoftmaxGradient, x), S(301, 259), S(301, 259)),
        new(OpCode.RmsNormGradient, "large", (g, x) => g.Append(OpCode.RmsNormGradient, x,
            new OpAttributes { Scalar = 1e-6f }), S(401, 203), S(203), S(401, 203)),
        new(OpCode.RmsNormScaleGradient, "large", (g, x) => g.Append(OpCode.RmsNormScaleGradient, x,
            new OpAttributes { Scalar = 1e-6f }), S(401, 203), S(401, 203)),
        Rows(OpCode.CrossEntropy, "large", (g, x) => g.CrossEntropy(x[0], x[1]), 1, 1031, S(97, 1031), S(97)),
        Rows(OpCode.CrossEntropyGradient, "large", (g, x) => g.Append(OpCode.CrossEntropyGradient, x), 1, 1031,
            S(97, 1031), S(97), S(97)),
        Rows(OpCode.ScatterAdd, "large", (g, x) => g.ScatterAdd(x[0], x[1], x[2]), 1, 1200,
            S(1200, 67), S(99), S(99, 67)),
        Rows(OpCode.Dropout, "large", (g, x) => g.Dropout(x[0], x[1], 0.4f, 1), 1, 9, S(701, 103), S(1)),
        new(OpCode.MatMul, "one row", (g, x) => g.MatMul(x[0], x[1], false, true), S(1, 203), S(1001, 203)),
        new(OpCode.MatMul, "seven rows", (g, x) => g.MatMul(x[0], x[1], false, true, 1.5f), S(7, 203), S(1001, 203)),
        new(OpCode.MatMul, "outer products", (g, x) => g.MatMul(x[0], x[1], true, false), S(400, 250), S(400, 530)),
        new(OpCode.MatMul, "narrow outer products", (g, x) => g.MatMul(x[0], x[1], true, false, 1.5f), S(193, 7),
            S(193, 17)),
        new(OpCode.MatMul, "wide outer products", (g, x) => g.MatMul(x[0], x[1], true, false), S(50, 1000), S(50, 16)),
        new(OpCode.MatMul, "eleven rows", (g, x) => g.MatMul(x[0], x[1], false, true, 0.5f), S(11, 203), S(1003, 203)),
        new(OpCode.MatMul, "sixteen rows", (g, x) => g.MatMul(x[0], x[1], false, true), S(16, 64), S(2050, 64)),
    ];

    private static Shape S(params ReadOnlySpan<int> dimensions) => new(dimensions);

    private static OpCase Rows(
        OpCode op, string name, Func<Graph, Node[], Node> build, int operand, int limit, params Shape[] shapes)
    {
        var limits = new int[operand + 1];
        limits[operand] = limit;
        return new OpCase(op, name, build, shapes) { IndexLimits = limits };
    }

    private static IEnumerable<OpCase> Binary(OpCode op)
    {
        (string Name, Shape Left, Shape Right)[] shapes =
        [
            ("same", S(3, 5), S(3, 5)), ("row", S(3, 5), S(5)), ("column", S(3, 1), S(3, 5)),
            ("scalar", Shape.Scalar, S(2, 3)), ("both", S(2, 1, 3), S(4, 1)),
            ("mask", S(2, 2, 3, 4, 5), S(1, 1, 1, 4, 5)),
        ];
        return shapes.Select(shape =>
            new OpCase(op, shape.Name, (g, x) => g.Append(op, x), shape.Left, shape.Right) { IsPositive = true });
    }

    private static IEnumerable<OpCase> Unary(OpCode op, bool isPositive = false) =>
    [
        new OpCase(op, "2-D", (g, x) => g.Append(op, x), S(3, 7)) { IsPositive = isPositive },
        new OpCase(op, "scalar", (g, x) => g.Append(op, x), Shape.Scalar) { IsPositive = isPositive },
    ];

    private static IEnumerable<OpCase> MatMuls()
    {
        foreach (var (left, right) in new[] { (false, false), (false, true), (true, false), (true, true) })
        {
            var name = $"transposed {left} {right}";
            yield return new OpCase(OpCode.MatMul, name, (g, x) => g.MatMul(x[0], x[1], left, right, 0.5f),
                left ? S(4, 3) : S(3, 4), right ? S(5, 4) : S(4, 5));
            yield return new OpCase(OpCode.MatMul, $"{name} batched", (g, x) => g.MatMul(x[0], x[1], left, right),
                left ? S(2, 3, 4, 1) : S(2, 3, 1, 4), right ? S(2, 3, 7, 4) : S(2, 3, 4, 7));
        }
    }
}
