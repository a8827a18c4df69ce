using Workflows.TpuWorker.Onnx.Kernels;
using Workflows.TpuWorker.Tensors;
using static Workflows.TpuWorker.Onnx.OnnxWriter;

namespace Workflows.TpuWorker.Onnx;

/// <summary>A node to lower, the names of its operands' values, and the writer.</summary>
internal readonly record struct LoweringCall(Node Node, IReadOnlyList<string> Operands, OnnxWriter Writer)
{
    public string this[int operand] => Operands[operand];

    public OpAttributes Attributes => Node.Attributes;

    public Shape ShapeOf(int operand) => Node.Operands[operand].Shape;
}

/// <summary>
/// Lowers operations to ONNX, with one table row for each. Choices follow the strengths of the runtime's CPU kernels:
/// transposed products in one node, whole softmax, norm and GELU nodes, sums over rows as products with ones, and no
/// Einsum or Where.
/// </summary>
internal static class OnnxLowering
{
    private static readonly Dictionary<OpCode, Func<LoweringCall, string>> Table = new()
    {
        [OpCode.Input] = Input,
        [OpCode.Constant] = Constant,
        [OpCode.Splat] = Splat,
        [OpCode.Add] = Add,
        [OpCode.Subtract] = Subtract,
        [OpCode.Multiply] = Multiply,
        [OpCode.Divide] = Divide,
        [OpCode.Negate] = Negate,
        [OpCode.Exp] = Exp,
        [OpCode.Log] = Log,
        [OpCode.Sqrt] = Sqrt,
        [OpCode.Tanh] = Tanh,
        [OpCode.Scale] = Scale,
        [OpCode.MatMul] = MatMul,
        [OpCode.Reshape] = Reshape,
        [OpCode.Transpose] = Transpose,
        [OpCode.Slice] = Slice,
        [OpCode.Pad] = Pad,
        [OpCode.Concat] = Concat,
        [OpCode.ReduceSum] = ReduceSum,
        [OpCode.BroadcastTo] = BroadcastTo,
        [OpCode.Gather] = Gather,
        [OpCode.ScatterAdd] = ScatterAdd,
        [OpCode.Softmax] = OnnxFusedLowering.Softmax,
        [OpCode.SoftmaxGradient] = OnnxFusedLowering.SoftmaxGradient,
        [OpCode.RmsNorm] = OnnxFusedLowering.RmsNorm,
        [OpCode.RmsNormGradient] = OnnxFusedLowering.RmsNormGradient,
        [OpCode.RmsNormScaleGradient] = OnnxFusedLowering.RmsNormScaleGradient,
        [OpCode.GeluTanh] = OnnxFusedLowering.GeluTanh,
        [OpCode.GeluTanhGradient] = OnnxFusedLowering.GeluTanhGradient,
        [OpCode.Rope] = OnnxFusedLowering.Rope,
        [OpCode.CrossEntropy] = OnnxFusedLowering.CrossEntropy,
        [OpCode.CrossEntropyGradient] = OnnxFusedLowering.CrossEntropyGradient,
        [OpCode.Dropout] = OnnxFusedLowering.Dropout,
    };

    public static IReadOnlyCollection<OpCode> Ops => Table.Keys;

    /// <summary>Writes the part of the graph that its outputs need.</summary>
    public static byte[] ToModel(Graph graph)
    {
        var writer = new OnnxWriter();
        var live = Live(graph);
        var names = new string[graph.Nodes.Count];
        foreach (var node in graph.Nodes.Where(node => live[node.Index]))
        {
            var operands = node.Operands.Select(operand => names[operand.Index]).ToArray();
            names[node.Index] = Lowering(node)(new LoweringCall(node, operands, writer));
        }

        foreach (var (name, node) in graph.Outputs)
        {
            writer.Output(name, names[node.Index], node.DType, node.Shape);
        }

        return writer.ToModel();
    }

    /// <summary>Returns for each node, by index, whether an output depends on it.</summary>
    public static bool[] Live(Graph graph) => GraphCopy.Live(graph);

    private static Func<LoweringCall, string> Lowering(Node node)
    {
        if (!Table.TryGetValue(node.Op, out var lowering))
        {
            throw new TensorShapeException(
                $"{node.Op}", "operation", "without a lowering to ONNX", "an operation that ONNX Runtime is given");
        }

        return node.DType is DType.Float32 or DType.Int32
            ? lowering
            : throw new TensorShapeException(
                $"{node.Op}", "element type", $"{node.DType}", "Float32 or Int32 for ONNX");
    }

    private static string Input(LoweringCall c)
    {
        c.Writer.Input(c.Attributes.Name!, c.Node.DType, c.Node.Shape);
        return c.Attributes.Name!;
    }

    private static string Constant(LoweringCall c) => c.Writer.Initializer(c.Attributes.Value!);

    private static string Splat(LoweringCall c) => c.Writer.Filled(c.Node.Shape, c.Attributes.Scalar);

    private static string Add(LoweringCall c) => c.Writer.Emit("Add", c.Operands);

    private static string Subtract(LoweringCall c) => c.Writer.Emit("Sub", c.Operands);

    private static string Multiply(LoweringCall c) => c.Writer.Emit("Mul", c.Operands);

    private static string Divide(LoweringCall c) => c.Writer.Emit("Div", c.Operands);

    private static string Negate(LoweringCall c) => c.Writer.Emit("Neg", c.Operands);

    private static string Exp(LoweringCall c) => c.Writer.Emit("Exp", c.Operands);

    private static string Log(LoweringCall c) => c.Writer.Emit("Log", c.Operands);

    private static string Sqrt(LoweringCall c) => c.Writer.Emit("Sqrt", c.Operands);

    private static string Tanh(LoweringCall c) => c.Writer.Emit("Tanh", c.Operands);

    private static string Scale(LoweringCall c) =>
        c.Writer.Emit("Mul", [c[0], c.Writer.Scalar(c.Attributes.Scalar)]);

    private static string MatMul(LoweringCall c)
    {
        var at = c.Attributes;
        if (!at.TransposeLeft && !at.TransposeRight && at.Scalar == 1)
        {
            return c.Writer.Emit("MatMul", c.Operands);
        }

        if (IsFewRowsTimesTransposed(c))
        {
            var right = c.ShapeOf(1);
            return c.Writer.EmitKernel(
                "FewRowsProduct", c.Operands, c.Node.Shape, c.Node.Shape[0], right[1], right[0], at.Scalar);
        }

        if (IsSumOfOuterProducts(c))
        {
            var left = c.ShapeOf(0);
            return c.Writer.EmitKernel(
                "OuterProducts", c.Operands, c.Node.Shape, left[0], left[1], c.Node.Shape[1], at.Scalar);
        }

        return c.Writer.EmitIn(
            MicrosoftDomain, "FusedMatMul", c.Operands,
            Integer("transA", at.TransposeLeft ? 1 : 0),
            Integer("transB", at.TransposeRight ? 1 : 0),
            Number("alpha", at.Scalar));
    }

    /// <summary>Returns whether the kernel for few rows is faster: see <see cref="ProductKernels"/>.</summary>
    private static bool IsFewRowsTimesTransposed(LoweringCall c) =>
        c.Attributes is { TransposeLeft: false, TransposeRight: true }
        && c.Node.Shape is { Rank: 2 } shape && shape[0] <= ProductKernels.MaxRows && shape[0] > 0;

    /// <summary>
    /// Returns whether it is a plain product with its left operand transposed, for which our kernel is faster.
    /// </summary>
    private static bool IsSumOfOuterProducts(LoweringCall c) =>
        OuterProductKernels.IsFast && c.Attributes is { TransposeLeft: true, TransposeRight: false }
        && c.Node.Shape is { Rank: 2, Count: > 0 } && c.ShapeOf(0)[0] > 0;

    // "allowzero" makes a size of 0 mean 0 and not "as before".
    private static string Reshape(LoweringCall c) =>
        c.Writer.Emit("Reshape", [c[0], c.Writer.ShapeOf(c.Node.Shape)], Integer("allowzero", 1));

    private static string Transpose(LoweringCall c) =>
        c.Writer.Emit("Transpose", c.Operands, Integers("perm", c.Attributes.Axes));

    private static string Slice(LoweringCall c)
    {
        var (writer, at) = (c.Writer, c.Attributes);
        return writer.Emit(
            "Slice", [c[0], writer.Longs(at.Start), writer.Longs(at.Start + at.Length), writer.Longs(at.Axis)]);
    }

    private static string Pad(LoweringCall c)
    {
        var (writer, at) = (c.Writer, c.Attributes);
        var behind = at.Length - at.Start - c.ShapeOf(0)[at.Axis];
        return writer.Emit(
            "Pad", [c[0], writer.Longs(at.Start, behind), writer.Scalar(0), writer.Longs(at.Axis)]);
    }

    private static string Concat(LoweringCall c) =>
        c.Writer.Emit("Concat", c.Operands, Integer("axis", c.Attributes.Axis));

    private static string ReduceSum(LoweringCall c)
    {
        var shape = c.ShapeOf(0);
        var axes = c.Attributes.Axes;
        if (axes.Count == 0)
        {
            return c.Writer.Emit("Identity", [c[0]]);
        }

        var isOverLeadingAxes = axes.Count < shape.Rank && axes[^1] == axes.Count - 1;
        if (!isOverLeadingAxes)
        {
            return c.Writer.Emit(
                "ReduceSum", [c[0], c.Writer.Longs([.. axes.Select(axis => (long)axis)])], Integer("keepdims", 1));
        }

        var rows = new Shape(shape.Dimensions[..axes.Count]).Count;
        var summed = SumRows(c.Writer, c[0], rows, new Shape(shape.Dimensions[axes.Count..]).Count);
        return c.Writer.Emit("Reshape", [summed, c.Writer.ShapeOf(c.Node.Shape)]);
    }

    /// <summary>Sums [rows, columns] over the rows to [1, columns]; a product with ones is the faster kernel.</summary>
    public static string SumRows(OnnxWriter writer, string value, int rows, int columns)
    {
        var matrix = writer.Emit("Reshape", [value, writer.Longs(rows, columns)]);
        return writer.Emit("MatMul", [writer.Filled(new Shape(1, rows), 1), matrix]);
    }

    private static string BroadcastTo(LoweringCall c) =>
        c.Writer.Emit("Expand", [c[0], c.Writer.ShapeOf(c.Node.Shape)]);

    private static string Gather(LoweringCall c) => c.Writer.Emit("Gather", c.Operands, Integer("axis", 0));

    /// <summary>
    /// Writes a kernel of ours: the runtime's ScatterND distributes updates over threads without protecting rows that
    /// occur twice, so sums are added in a changing order or updates are lost, and ScatterElements needs indices as
    /// large as the updates.
    /// </summary>
    private static string ScatterAdd(LoweringCall c)
    {
        var (table, updates) = (c.ShapeOf(0), c.ShapeOf(1).Count);
        var width = table[0] == 0 ? 0 : table.Count / table[0];
        return c.Writer.EmitKernel("ScatterAdd", c.Operands, table, table[0], width, updates, 0);
    }
}
