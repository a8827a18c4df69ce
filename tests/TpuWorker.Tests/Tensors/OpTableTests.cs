using Workflows.TpuWorker.Onnx;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Tensors;

public sealed class OpTableTests
{
    [Fact]
    public void Rows_EveryOperation_HasOneHereInTheLoweringAndInTheCases()
    {
        var all = Enum.GetValues<OpCode>();

        Assert.Equal(all, OpTable.Rows.Select(row => row.Op));
        Assert.Equal(all, OnnxLowering.Ops.Order());
        Assert.Equal(all, OpCases.All.Select(op => op.Op).Distinct().Order());
        Assert.All(OpTable.Rows, row => Assert.EndsWith(".", row.Doc, StringComparison.Ordinal));
    }

    [Fact]
    public void Rows_GradientOperations_AreTheOnlyOnesWithoutARule()
    {
        var without = OpTable.Rows.Where(row => row.GradientRule is null && row.Arity != 0).Select(row => $"{row.Op}");

        Assert.All(without, name => Assert.EndsWith("Gradient", name, StringComparison.Ordinal));
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
        ];

        Assert.All(faults, fault => Assert.Throws<TensorShapeException>(fault));
    }
}
