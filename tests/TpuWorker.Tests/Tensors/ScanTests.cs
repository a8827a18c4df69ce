using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Tensors;

public sealed class ScanTests
{
    [Fact]
    public void Gradients_ComputedAgain_KeepOnlyWhatIsCarried()
    {
        var again = KeptResults(recompute: true);
        var kept = KeptResults(recompute: false);

        Assert.Equal(1, again);
        Assert.True(kept > again, $"{kept} values are kept of every round");
    }

    [Fact]
    public void Gradients_FrozenSlices_HaveNoSumsAndNoStacks()
    {
        var graph = new Graph();
        var (x, frozen, trained) = (
            graph.Input("x", new Shape(2, 3)), graph.Input("frozen", new Shape(4, 3, 3)),
            graph.Input("trained", new Shape(4, 3, 3)));
        var loop = new ScanBuilder(graph, 4);
        var h = loop.Carry(x);
        loop.Next(h, loop.Body.MatMul(loop.Body.MatMul(h, loop.Slice(frozen)), loop.Slice(trained)));
        var result = loop.Final(h);

        graph.Output("d", Autodiff.Gradients(result, graph.Splat(result.Shape, 1), [trained])[0]);

        var back = graph.Nodes.Last(node => node.Op == OpCode.Scan);
        var used = GraphCopy.UsedResults(graph, GraphCopy.Live(graph))[back.Index];
        Assert.Single(used);
        Assert.Equal(1, back.Attributes.Loop!.CarriedCount);
    }

    [Fact]
    public void Gradients_IntegerCarry_IsPassedOver()
    {
        var graph = new Graph();
        var x = graph.Input("x", new Shape(1));
        var loop = new ScanBuilder(graph, 3);
        var (value, count) = (loop.Carry(x), loop.Carry(graph.Splat(Shape.Scalar, 5, DType.Int32)));
        var body = loop.Body;
        loop.Next(value, body.Multiply(value, body.Convert(count, DType.Float32)));
        loop.Next(count, body.Add(count, body.Splat(Shape.Scalar, 1, DType.Int32)));
        var result = loop.Final(value);
        graph.Output("result", result);
        graph.Output("dx", Autodiff.Gradients(result, graph.Splat(result.Shape, 1), [x])[0]);

        var values = Interpreter.Run(graph, new Dictionary<string, double[]> { ["x"] = [2] });

        Assert.Equal((420, 210), (values["result"][0], values["dx"][0]));
    }

    [Fact]
    public void Gradients_WeightsHalfAsWide_AreSummedWide()
    {
        var graph = new Graph();
        var x = graph.Input("x", new Shape(4, 2), DType.Float32);
        var weight = graph.Input("w", new Shape(2, 2));
        var half = graph.Convert(weight, DType.BFloat16);
        var product = graph.MatMul(graph.Convert(x, DType.BFloat16), half, type: DType.BFloat16);

        var gradient = Autodiff.Gradients(
            product, graph.Splat(product.Shape, 1, DType.BFloat16), [weight])[0];

        Assert.Equal((OpCode.MatMul, DType.Float32), (gradient.Op, gradient.DType));
        Assert.All(gradient.Operands, operand => Assert.Equal(DType.BFloat16, operand.DType));
    }

    [Fact]
    public void Build_NextOfAnotherShapeOrLateOperand_IsRefused()
    {
        var graph = new Graph();
        var x = graph.Input("x", new Shape(2));
        var loop = new ScanBuilder(graph, 3);
        var h = loop.Carry(x);
        loop.Next(h, loop.Body.Reshape(h, new Shape(1, 2)));

        var fault = Assert.Throws<TensorShapeException>(() => loop.Final(h));

        Assert.Equal(("Scan", "the next value of operand 0"), (fault.Operation, fault.Operand));
        var closed = new ScanBuilder(graph, 3);
        closed.Final(closed.Carry(x));
        Assert.Throws<TensorShapeException>(() => closed.Share(x));
        var none = new ScanBuilder(graph, 0);
        var carried = none.Carry(x);
        Assert.Throws<TensorShapeException>(() => none.Final(carried));
    }

    private static int KeptResults(bool recompute)
    {
        var graph = new Graph();
        var (x, w) = (graph.Input("x", new Shape(2, 3)), graph.Input("w", new Shape(4, 3, 3)));
        var loop = new ScanBuilder(graph, 4, recompute: recompute);
        var h = loop.Carry(x);
        loop.Next(h, loop.Body.Tanh(loop.Body.GeluTanh(loop.Body.MatMul(h, loop.Slice(w)))));
        var result = loop.Final(h);
        var scan = graph.Nodes.Single(node => node.Op == OpCode.Scan);
        graph.Output("d", Autodiff.Gradients(result, graph.Splat(result.Shape, 1), [w])[0]);
        return GraphCopy.UsedResults(graph, GraphCopy.Live(graph))[scan.Index].Count(at => at >= 1);
    }
}
