using Workflows.TpuWorker.Onnx;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Tensors;

public sealed class OpTableTests
{
    /// <summary>Operations that ONNX Runtime is not given: programs for it are built without them.</summary>
    private static readonly OpCode[] NotInOnnx =
    [
        OpCode.Sine, OpCode.Cosine, OpCode.Convert, OpCode.Iota, OpCode.Compare, OpCode.Select, OpCode.And, OpCode.Xor,
        OpCode.ShiftRight, OpCode.Maximum, OpCode.Minimum, OpCode.ReduceMax, OpCode.ArgMax, OpCode.TopK,
        OpCode.DynamicSlice, OpCode.DynamicUpdateSlice, OpCode.Barrier, OpCode.Scan, OpCode.ScanResult,
    ];

    /// <summary>Operations without a slope, or, for loops, with a gradient of their own kind.</summary>
    private static readonly OpCode[] WithoutRule =
    [
        OpCode.Compare, OpCode.And, OpCode.Xor, OpCode.ShiftRight, OpCode.ArgMax, OpCode.TopK, OpCode.Scan,
        OpCode.ScanResult,
    ];

    [Fact]
    public void Rows_EveryOperation_HasOneHereInTheLoweringAndInTheCases()
    {
        var all = Enum.GetValues<OpCode>();

        Assert.Equal(all, OpTable.Rows.Select(row => row.Op));
        Assert.Equal(all.Except(NotInOnnx), OnnxLowering.Ops.Order());
        Assert.Equal(all, OpCases.All.Select(op => op.Op).Distinct().Order());
        Assert.All(OpTable.Rows, row => Assert.EndsWith(".", row.Doc, StringComparison.Ordinal));
    }

    [Fact]
    public void Rows_GradientOperations_AreTheOnlyOnesWithoutARule()
    {
        var without = OpTable.Rows.Where(row => row.GradientRule is null && row.Arity != 0).Select(row => row.Op);

        Assert.All(
            without.Except(WithoutRule), op => Assert.EndsWith("Gradient", $"{op}", StringComparison.Ordinal));
        Assert.All(WithoutRule, op => Assert.Null(OpTable.Row(op).GradientRule));
    }

    [Fact]
    public void ToModel_OperationOrTypeThatOnnxIsNotGiven_NamesIt()
    {
        var graph = new Graph();
        graph.Output("y", graph.Sine(graph.Input("x", new Shape(2))));
        var half = new Graph();
        half.Output("y", half.Negate(half.Input("x", new Shape(2), DType.BFloat16)));

        var fault = Assert.Throws<TensorShapeException>(() => OnnxLowering.ToModel(graph));
        var other = Assert.Throws<TensorShapeException>(() => OnnxLowering.ToModel(half));

        Assert.Equal(("Sine", "operation"), (fault.Operation, fault.Operand));
        Assert.Equal("BFloat16", other.Got);
    }

    [Fact]
    public void MatMul_InnerSizesDiffer_SaysWhoGotWhatAndWanted()
    {
        var graph = new Graph();
        var (a, b) = (graph.Input("a", new Shape(2, 3)), graph.Input("b", new Shape(4, 5)));

        var fault = Assert.Throws<TensorShapeException>(() => graph.MatMul(a, b));

        Assert.Equal("tensor.shape", fault.ErrorCode);
        Assert.Equal(("MatMul", "operand 1"), (fault.Operation, fault.Operand));
        Assert.Contains("[4, 5]", fault.Got, StringComparison.Ordinal);
        Assert.Contains("inner size 3", fault.Wanted, StringComparison.Ordinal);
    }

    [Fact]
    public void Append_WrongShapesTypesOrAttributes_IsRefused()
    {
        var graph = new Graph();
        var a = graph.Input("a", new Shape(2, 3));
        var ids = graph.Input("ids", new Shape(2), DType.Int32);
        var foreign = new Graph().Input("a", new Shape(2, 3));
        Action[] faults =
        [
            () => graph.Add(a, graph.Input("b", new Shape(4))),
            () => graph.Add(a, ids),
            () => graph.Gather(a, a),
            () => graph.Reshape(a, new Shape(5)),
            () => graph.Transpose(a, 0, 0),
            () => graph.Slice(a, 1, 2, 2),
            () => graph.Pad(a, 1, 1, 3),
            () => graph.Concat(0, a, graph.Input("c", new Shape(2, 4))),
            () => graph.ReduceSum(a, 1, 0),
            () => graph.BroadcastTo(a, new Shape(2, 4)),
            () => graph.RmsNorm(a, graph.Input("w", new Shape(2)), 1e-6f),
            () => graph.Rope(a, a, a),
            () => graph.CrossEntropy(a, graph.Input("labels", new Shape(3), DType.Int32)),
            () => graph.ScatterAdd(a, ids, graph.Input("updates", new Shape(2, 4))),
            () => graph.Append(OpCode.Add, [a]),
            () => graph.Append(OpCode.Splat, []),
            () => graph.Negate(foreign),
            () => graph.Input("a", new Shape(1)),
            () => graph.State("a", new Shape(1)),
            () => graph.Update(a, a),
            () => graph.Update(graph.State("s", new Shape(2)), a),
            () => graph.Convert(a, DType.Bool),
            () => graph.Compare(a, Comparison.Less, ids),
            () => graph.Select(a, a, a),
            () => graph.Select(graph.Compare(a, Comparison.Less, a), a, ids),
            () => graph.And(ids, ids),
            () => graph.ShiftRight(ids, ids),
            () => graph.Maximum(a, ids),
            () => graph.ReduceMax(graph.Compare(a, Comparison.Less, a), 0),
            () => graph.ReduceMax(graph.Input("none", new Shape(0, 2)), 0),
            () => graph.ArgMax(ids),
            () => graph.TopK(a, 4),
            () => graph.TopK(a, 0),
            () => graph.Iota(new Shape(2), 1),
            () => graph.DynamicSlice(a, 0, ids, 1),
            () => graph.DynamicSlice(a, 1, graph.Splat(Shape.Scalar, 0, DType.Int32), 4),
            () => graph.DynamicUpdateSlice(a, graph.Input("u", new Shape(2, 4)), 1, graph.Splat(Shape.Scalar, 0)),
            () => graph.MatMul(a, a, false, true, type: DType.BFloat16),
            () => graph.Append(OpCode.ScanResult, [a]),
            () => graph.Append(OpCode.Scan, [a]),
            () => new ScanBuilder(graph, 3).Slice(a),
        ];

        Assert.All(faults, fault => Assert.Throws<TensorShapeException>(fault));
    }
}
