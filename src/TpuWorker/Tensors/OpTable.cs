using D = Workflows.TpuWorker.Tensors.Decompositions;
using G = Workflows.TpuWorker.Tensors.GradientRules;
using S = Workflows.TpuWorker.Tensors.ShapeRules;
using T = Workflows.TpuWorker.Tensors.DTypeRules;

namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// The table of operations, with one row for each. Gradient operations (those ending in Gradient) exist so that a
/// target may fuse them; they have no gradient themselves, because the product never differentiates twice. An operation
/// with a decomposition is a composite: a target may have a kernel for it, and otherwise gets the primitives.
/// </summary>
internal static class OpTable
{
    private static readonly OpRow[] AllRows =
    [
        new(OpCode.Input, 0, S.Declared, T.Declared, null,
            "Given at run time under Name: parameters, tokens, masks, tables."),
        new(OpCode.Constant, 0, S.OfValue, T.OfValue, null, "Value, fixed when the graph is built."),
        new(OpCode.Splat, 0, S.Declared, T.Declared, null, "Shape filled with Scalar."),
        new(OpCode.Add, 2, S.Broadcast, T.SameNumber, G.Add, "a + b, broadcasting as NumPy does."),
        new(OpCode.Subtract, 2, S.Broadcast, T.SameNumber, G.Subtract, "a - b, broadcasting."),
        new(OpCode.Multiply, 2, S.Broadcast, T.SameNumber, G.Multiply, "a * b, broadcasting."),
        new(OpCode.Divide, 2, S.Broadcast, T.SameReal, G.Divide, "a / b, broadcasting."),
        new(OpCode.Negate, 1, S.SameAsFirst, T.SameReal, G.Negate, "-x."),
        new(OpCode.Exp, 1, S.SameAsFirst, T.SameReal, G.Exp, "e to the x."),
        new(OpCode.Log, 1, S.SameAsFirst, T.SameReal, G.Log, "Natural logarithm."),
        new(OpCode.Sqrt, 1, S.SameAsFirst, T.SameReal, G.Sqrt, "Square root."),
        new(OpCode.Tanh, 1, S.SameAsFirst, T.SameReal, G.Tanh, "Hyperbolic tangent."),
        new(OpCode.Scale, 1, S.SameAsFirst, T.SameReal, G.Scale, "x times Scalar."),
        new(OpCode.MatMul, 2, S.MatMul, T.Product, G.MatMul,
            "Scalar * op(A) op(B) over the last two axes; op transposes by TransposeLeft, TransposeRight; "
            + "leading axes must be equal. The result is of DType, summed in single precision."),
        new(OpCode.Reshape, 1, S.Reshape, T.OfFirst, G.Reshape, "Same elements in row-major order under Shape."),
        new(OpCode.Transpose, 1, S.Transpose, T.OfFirst, G.Transpose, "Result axis i is operand axis Axes[i]."),
        new(OpCode.Slice, 1, S.Slice, T.OfFirst, G.Slice, "Length elements of Axis from Start."),
        new(OpCode.Pad, 1, S.Pad, T.SameNumber, G.Pad,
            "Axis grows to Length with zeros, Start of them in front; undoes Slice."),
        new(OpCode.Concat, OpRow.Variadic, S.Concat, T.Same, G.Concat, "Operands one after the other along Axis."),
        new(OpCode.ReduceSum, 1, S.Reduce, T.SameNumber, G.ReduceSum, "Sum over Axes, which stay with size 1."),
        new(OpCode.BroadcastTo, 1, S.BroadcastTo, T.Same, G.BroadcastTo, "Repeats size-1 and missing axes."),
        new(OpCode.Gather, 2, S.Gather, T.RowsAtOne, G.Gather,
            "table [N, ...], rows [...] of Int32: row r of the table for each r, shape rows + table[1..]."),
        new(OpCode.ScatterAdd, 3, S.ScatterAdd, T.RowsAtOne, G.ScatterAdd,
            "table [N, ...] with updates [R, ...] added at rows [R]; a row named twice gets both."),
        new(OpCode.Softmax, 1, S.SameAsFirst, T.AllFloat, G.Softmax, "Over the last axis.", D.Softmax),
        new(OpCode.SoftmaxGradient, 2, S.SameAsFirst, T.AllFloat, null,
            "(y, dy): y * (dy - sum(y * dy)), from the softmax's result.", D.SoftmaxGradient),
        new(OpCode.RmsNorm, 2, S.RmsNorm, T.AllFloat, G.RmsNorm,
            "x [..., D], w [D]: x / sqrt(mean(x^2) + Scalar) * (1 + w) over the last axis (Gemma's centred scale).",
            D.RmsNorm),
        new(OpCode.RmsNormGradient, 3, S.RmsNormGradient, T.AllFloat, null, "(x, w, dy): gradient by x.",
            D.RmsNormGradient),
        new(OpCode.RmsNormScaleGradient, 2, S.RmsNormScaleGradient, T.AllFloat, null, "(x, dy): gradient by w [D].",
            D.RmsNormScaleGradient),
        new(OpCode.GeluTanh, 1, S.SameAsFirst, T.AllFloat, G.GeluTanh,
            "x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))).", D.GeluTanh),
        new(OpCode.GeluTanhGradient, 2, S.SameAsFirst, T.AllFloat, null, "(x, dy): gradient by x.", D.GeluTanhGradient),
        new(OpCode.Rope, 3, S.Rope, T.AllFloat, G.Rope,
            "x [B, S, H, D], cosines and sines [B, S, D/2]: rotates the pair (i, i + D/2) of every head; "
            + "Inverse turns back.", D.Rope),
        new(OpCode.CrossEntropy, 2, S.CrossEntropy, T.IndexAtOne, G.CrossEntropy,
            "logits [R, V], labels [R] of Int32 in 0..V-1: -log softmax at the label, [R].", D.CrossEntropy),
        new(OpCode.CrossEntropyGradient, 3, S.CrossEntropyGradient, T.IndexAtOne, null,
            "(logits, labels, d [R]): (softmax - onehot) * d, [R, V].", D.CrossEntropyGradient),
        new(OpCode.Dropout, 2, S.Dropout, T.IndexAtOne, G.Dropout,
            "x, seed [1] of Int32: a share Scalar of the elements becomes 0, the others grow by 1 / (1 - Scalar); "
            + "which ones is decided by seed and Start, the number of the stream.", D.Dropout),
        new(OpCode.Sine, 1, S.SameAsFirst, T.SameReal, G.Sine, "The sine of x in radians."),
        new(OpCode.Cosine, 1, S.SameAsFirst, T.SameReal, G.Cosine, "The cosine of x in radians."),
        new(OpCode.Convert, 1, S.SameAsFirst, T.Converted, G.Convert, "x as DType, rounded to nearest."),
        new(OpCode.Iota, 0, S.Iota, T.Declared, null, "The index along Axis of Shape."),
        new(OpCode.Compare, 2, S.Broadcast, T.Comparison, null, "(a, b): the truth of Comparison, broadcasting."),
        new(OpCode.Select, 3, S.BroadcastAll, T.Choice, G.Select, "(condition, a, b): a where it is true, else b."),
        new(OpCode.And, 2, S.Broadcast, T.SameBits, null, "Both truths, or common bits; broadcasting."),
        new(OpCode.Xor, 2, S.Broadcast, T.SameBits, null, "One of two truths, or the bits of one; broadcasting."),
        new(OpCode.ShiftRight, 2, S.Broadcast, T.Unsigned, null, "(a, n): a's bits n places lower; broadcasting."),
        new(OpCode.Maximum, 2, S.Broadcast, T.SameNumber, G.Maximum,
            "The larger of two; the first's gradient if equal."),
        new(OpCode.Minimum, 2, S.Broadcast, T.SameNumber, G.Minimum,
            "The smaller of two; the first's gradient if equal."),
        new(OpCode.ReduceMax, 1, S.ReduceMax, T.SameNumber, G.ReduceMax,
            "The largest over Axes, which stay with size 1; equals share the gradient."),
        new(OpCode.ArgMax, 1, S.ArgMax, T.Indices, null,
            "[..., N]: index of the largest, Int32 [..., 1]; the first of equals.", D.ArgMax),
        new(OpCode.TopK, 1, S.TopK, T.Indices, null,
            "[..., N]: indices of the Length largest, Int32, the largest first; the first of equals first.", D.TopK),
        new(OpCode.DynamicSlice, 2, S.DynamicSlice, T.RowsAtOne, G.DynamicSlice,
            "(x, start of Int32 []): Length elements of Axis from start."),
        new(OpCode.DynamicUpdateSlice, 3, S.DynamicUpdateSlice, T.RowsAtTwo, G.DynamicUpdateSlice,
            "(x, update, start of Int32 []): x with the update along Axis from start."),
        new(OpCode.Barrier, 1, S.SameAsFirst, T.OfFirst, G.Barrier, "x, which no optimization looks through."),
        new(OpCode.Scan, OpRow.Variadic, S.Scan, T.Loop, null,
            "Loop over its operands; the value stands for the loop, ScanResult picks what it yields."),
        new(OpCode.ScanResult, 1, S.ScanResult, T.LoopResult, null,
            "(scan): its result Start, a carried value after the last round or a value of every round."),
    ];

    private static readonly Dictionary<OpCode, OpRow> ByOp = AllRows.ToDictionary(row => row.Op);

    public static IReadOnlyList<OpRow> Rows => AllRows;

    public static OpRow Row(OpCode op) => ByOp[op];
}
