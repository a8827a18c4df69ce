using G = Workflows.TpuWorker.Tensors.GradientRules;
using S = Workflows.TpuWorker.Tensors.ShapeRules;
using T = Workflows.TpuWorker.Tensors.DTypeRules;

namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// One row per operation. Gradient operations (the ones ending in Gradient) exist so that a target may fuse them;
/// they have no gradient themselves, because nothing here differentiates twice.
/// </summary>
internal static class OpTable
{
    private static readonly OpRow[] AllRows =
    [
        new(OpCode.Input, 0, S.Declared, T.Declared, null,
            "Given at run time under Name: parameters, tokens, masks, tables."),
        new(OpCode.Constant, 0, S.OfValue, T.OfValue, null, "Value, fixed when the graph is built."),
        new(OpCode.Splat, 0, S.Declared, T.Declared, null, "Shape filled with Scalar."),
        new(OpCode.Add, 2, S.Broadcast, T.AllFloat, G.Add, "a + b, broadcasting as NumPy does."),
        new(OpCode.Subtract, 2, S.Broadcast, T.AllFloat, G.Subtract, "a - b, broadcasting."),
        new(OpCode.Multiply, 2, S.Broadcast, T.AllFloat, G.Multiply, "a * b, broadcasting."),
        new(OpCode.Divide, 2, S.Broadcast, T.AllFloat, G.Divide, "a / b, broadcasting."),
        new(OpCode.Negate, 1, S.SameAsFirst, T.AllFloat, G.Negate, "-x."),
        new(OpCode.Exp, 1, S.SameAsFirst, T.AllFloat, G.Exp, "e to the x."),
        new(OpCode.Log, 1, S.SameAsFirst, T.AllFloat, G.Log, "Natural logarithm."),
        new(OpCode.Sqrt, 1, S.SameAsFirst, T.AllFloat, G.Sqrt, "Square root."),
        new(OpCode.Tanh, 1, S.SameAsFirst, T.AllFloat, G.Tanh, "Hyperbolic tangent."),
        new(OpCode.Scale, 1, S.SameAsFirst, T.AllFloat, G.Scale, "x times Scalar."),
        new(OpCode.MatMul, 2, S.MatMul, T.AllFloat, G.MatMul,
            "Scalar * op(A) op(B) over the last two axes; op transposes by TransposeLeft, TransposeRight; "
            + "leading axes must be equal."),
        new(OpCode.Reshape, 1, S.Reshape, T.OfFirst, G.Reshape, "Same elements in row-major order under Shape."),
        new(OpCode.Transpose, 1, S.Transpose, T.OfFirst, G.Transpose, "Result axis i is operand axis Axes[i]."),
        new(OpCode.Slice, 1, S.Slice, T.OfFirst, G.Slice, "Length elements of Axis from Start."),
        new(OpCode.Pad, 1, S.Pad, T.AllFloat, G.Pad,
            "Axis grows to Length with zeros, Start of them in front; undoes Slice."),
        new(OpCode.Concat, OpRow.Variadic, S.Concat, T.AllFloat, G.Concat, "Operands one after the other along Axis."),
        new(OpCode.ReduceSum, 1, S.Reduce, T.AllFloat, G.ReduceSum, "Sum over Axes, which stay with size 1."),
        new(OpCode.BroadcastTo, 1, S.BroadcastTo, T.AllFloat, G.BroadcastTo, "Repeats size-1 and missing axes."),
        new(OpCode.Gather, 2, S.Gather, T.IndexAtOne, G.Gather,
            "table [N, ...], rows [...] of Int32: row r of the table for each r, shape rows + table[1..]."),
        new(OpCode.ScatterAdd, 3, S.ScatterAdd, T.IndexAtOne, G.ScatterAdd,
            "table [N, ...] with updates [R, ...] added at rows [R]; a row named twice gets both."),
        new(OpCode.Softmax, 1, S.SameAsFirst, T.AllFloat, G.Softmax, "Over the last axis."),
        new(OpCode.SoftmaxGradient, 2, S.SameAsFirst, T.AllFloat, null,
            "(y, dy): y * (dy - sum(y * dy)), from the softmax's result."),
        new(OpCode.RmsNorm, 2, S.RmsNorm, T.AllFloat, G.RmsNorm,
            "x [..., D], w [D]: x / sqrt(mean(x^2) + Scalar) * (1 + w) over the last axis (Gemma's centred scale)."),
        new(OpCode.RmsNormGradient, 3, S.RmsNormGradient, T.AllFloat, null, "(x, w, dy): gradient by x."),
        new(OpCode.RmsNormScaleGradient, 2, S.RmsNormScaleGradient, T.AllFloat, null, "(x, dy): gradient by w [D]."),
        new(OpCode.GeluTanh, 1, S.SameAsFirst, T.AllFloat, G.GeluTanh,
            "x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))."),
        new(OpCode.GeluTanhGradient, 2, S.SameAsFirst, T.AllFloat, null, "(x, dy): gradient by x."),
        new(OpCode.Rope, 3, S.Rope, T.AllFloat, G.Rope,
            "x [B, S, H, D], cosines and sines [B, S, D/2]: rotates the pair (i, i + D/2) of every head; "
            + "Inverse turns back."),
        new(OpCode.CrossEntropy, 2, S.CrossEntropy, T.IndexAtOne, G.CrossEntropy,
            "logits [R, V], labels [R] of Int32 in 0..V-1: -log softmax at the label, [R]."),
        new(OpCode.CrossEntropyGradient, 3, S.CrossEntropyGradient, T.IndexAtOne, null,
            "(logits, labels, d [R]): (softmax - onehot) * d, [R, V]."),
        new(OpCode.Dropout, 2, S.Dropout, T.IndexAtOne, G.Dropout,
            "x, seed [1] of Int32: a share Scalar of the elements becomes 0, the others grow by 1 / (1 - Scalar); "
            + "which ones is decided by seed and Start, the number of the stream."),
    ];

    private static readonly Dictionary<OpCode, OpRow> ByOp = AllRows.ToDictionary(row => row.Op);

    public static IReadOnlyList<OpRow> Rows => AllRows;

    public static OpRow Row(OpCode op) => ByOp[op];
}
