using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Tensors;

/// <summary>
/// Operations that only compiled programs have. Each case ends in single precision, whatever it goes through.
/// </summary>
internal static partial class OpCases
{
    private static IEnumerable<OpCase> Growth() =>
    [
        .. Unary(OpCode.Sine), .. Unary(OpCode.Cosine), .. Unary(OpCode.Barrier),
        .. Binary(OpCode.Maximum), .. Binary(OpCode.Minimum),
        Rows(OpCode.Convert, "whole to real", (g, x) => g.Add(x[0], g.Convert(x[1], DType.Float32)), 1, 9, S(3), S(3)),
        new(OpCode.Convert, "through half", (g, x) => Wide(g, g.Multiply(Half(g, x[0]), Half(g, x[1]))), S(5, 3), S(3))
        {
            IsRounded = true,
        },
        new(OpCode.MatMul, "of halves", (g, x) => g.MatMul(Half(g, x[0]), Half(g, x[1]), false, true), S(4, 6), S(5, 6))
        {
            IsRounded = true,
        },
        new(OpCode.Iota, "plus input", (g, x) => g.Add(x[0], g.Iota(S(2, 3, 4), 1, DType.Float32)), S(2, 3, 4)),
        new(OpCode.Compare, "all", (g, x) => Enum.GetValues<Comparison>()
            .Select(comparison => g.Convert(g.Compare(x[0], comparison, x[1]), DType.Float32))
            .Select((truth, i) => g.Scale(truth, 1 << i)).Aggregate(g.Add), S(4, 3), S(3)),
        Rows(OpCode.Compare, "rows", (g, x) => Wide(g, g.Compare(
            g.Iota(S(5, 4), 1), Comparison.Equal, g.Reshape(x[0], S(5, 1)))), 0, 4, S(5)),
        new(OpCode.Select, "between", (g, x) => g.Select(Checkered(g, 2, 3), x[0], x[1]), S(2, 3), S(2, 3)),
        new(OpCode.Select, "broadcast", (g, x) => g.Select(Checkered(g, 1, 3), x[0], x[1]), S(4, 1), S(3)),
        Rows(OpCode.And, "bits and truths", (g, x) => g.Add(
            Wide(g, g.And(UInts(g, x[0]), UInts(g, x[1]))),
            Wide(g, g.And(Checkered(g, 2, 5), g.Compare(x[0], Comparison.Less, x[1])))), 1, 77, S(2, 5), S(2, 5))
            with { IndexLimits = [99, 77] },
        Rows(OpCode.Xor, "bits and truths", (g, x) => g.Add(
            Wide(g, g.Xor(UInts(g, x[0]), UInts(g, x[1]))),
            Wide(g, g.Xor(Checkered(g, 2, 5), g.Compare(x[0], Comparison.Less, x[1])))), 1, 77, S(2, 5), S(2, 5))
            with { IndexLimits = [99, 77] },
        Rows(OpCode.ShiftRight, "of wrapped products", (g, x) => Wide(g, g.ShiftRight(
            g.Multiply(UInts(g, x[0]), g.Constant(HostTensor.OfUInt32(Shape.Scalar, [0x85EBCA6B]))),
            UInts(g, x[1]))), 1, 32, S(2, 5), S(5)) with { IndexLimits = [100_000, 32] },
        new(OpCode.ReduceMax, "last", (g, x) => g.ReduceMax(x[0], 1), S(5, 3)),
        new(OpCode.ReduceMax, "all", (g, x) => g.ReduceMax(x[0], 0, 1, 2), S(2, 3, 4)),
        Rows(OpCode.ReduceMax, "whole", (g, x) => Wide(g, g.ReduceMax(x[0], 0)), 0, 50, S(6, 3)),
        new(OpCode.ArgMax, "2-D", (g, x) => Wide(g, g.ArgMax(x[0])), S(5, 9)),
        Rows(OpCode.ArgMax, "first of equals", (g, x) => Wide(g, g.ArgMax(Wide(g, x[0]))), 0, 3, S(7, 9)),
        new(OpCode.TopK, "3 of 9", (g, x) => Wide(g, g.TopK(x[0], 3)), S(5, 9)),
        Rows(OpCode.TopK, "equals", (g, x) => Wide(g, g.TopK(Wide(g, x[0]), 4)), 0, 3, S(3, 4)),
        Rows(OpCode.DynamicSlice, "middle", (g, x) => g.DynamicSlice(x[0], 1, x[1], 2), 1, 3, S(2, 5, 3), Shape.Scalar),
        new(OpCode.DynamicUpdateSlice, "middle", (g, x) => g.DynamicUpdateSlice(
            x[0], x[1], 1, g.Splat(Shape.Scalar, 2, DType.Int32)), S(2, 5, 3), S(2, 2, 3)),
        .. Scans(),
    ];

    private static IEnumerable<OpCase> Scans()
    {
        foreach (var (reverse, recompute) in new[] { (false, true), (true, true), (false, false), (true, false) })
        {
            var name = $"{(reverse ? "backwards" : "forwards")}, {(recompute ? "computed again" : "kept")}";
            yield return new OpCase(OpCode.Scan, name, (g, x) => Loop(g, x, reverse, recompute, final: true),
                S(2, 3), S(4, 3, 3), S(3), S(4, 2, 3));
            yield return new OpCase(OpCode.ScanResult, name, (g, x) => Loop(g, x, reverse, recompute, final: false),
                S(2, 3), S(4, 3, 3), S(3), S(4, 2, 3));
        }
    }

    /// <summary>
    /// Rounds h = tanh(h w + b) + index / 10, with a sum of all values beside it, and one inside the other.
    /// </summary>
    private static Node Loop(Graph graph, Node[] x, bool reverse, bool recompute, bool final)
    {
        var loop = new ScanBuilder(graph, 4, reverse, recompute);
        var (h, sum) = (loop.Carry(x[0]), loop.Carry(graph.Splat(S(2, 3), 0)));
        var (weight, bias, added) = (loop.Slice(x[1]), loop.Share(x[2]), loop.Slice(x[3]));
        var body = loop.Body;
        var index = body.Scale(body.Convert(loop.Index, DType.Float32), 0.1f);
        var value = body.Softmax(body.Add(body.Tanh(body.Add(body.MatMul(h, weight), bias)), index));

        // A loop in the loop, whose weights are the outer one's.
        var inner = new ScanBuilder(body, 2, reverse, recompute);
        var twice = inner.Carry(value);
        inner.Next(twice, inner.Body.Multiply(inner.Body.Sine(twice), inner.Share(bias)));
        var next = body.Add(inner.Final(twice), added);
        loop.Next(h, next);
        loop.Next(sum, body.Add(sum, body.Multiply(next, value)));
        return final
            ? graph.Multiply(loop.Final(h), loop.Final(sum))
            : graph.Add(graph.Multiply(loop.Stacked(value), loop.Stacked(next)), loop.Final(sum));
    }

    private static Node Checkered(Graph g, int rows, int columns) => g.Constant(HostTensor.OfBool(
        S(rows, columns), [.. Enumerable.Range(0, rows * columns).Select(i => i % 2 == 0)]));

    private static Node Wide(Graph g, Node value) => g.Convert(value, DType.Float32);

    private static Node Half(Graph g, Node value) => g.Convert(value, DType.BFloat16);

    private static Node UInts(Graph g, Node value) => g.Convert(value, DType.UInt32);
}
