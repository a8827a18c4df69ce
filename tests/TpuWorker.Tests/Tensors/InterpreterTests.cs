using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Tensors;

public sealed class InterpreterTests
{
    [Theory]
    [InlineData(1.00390625f, 1f)] // halfway to the next, which is odd
    [InlineData(1.01171875f, 1.015625f)] // halfway from the odd one
    [InlineData(1.004f, 1.0078125f)]
    [InlineData(-3.3895314e38f, -3.3895314e38f)] // the largest
    [InlineData(float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(float.NaN, float.NaN)]
    [InlineData(3.4e38f, float.PositiveInfinity)]
    public void RoundToBFloat16_TiesAndEdges_GoToEven(float value, float expected)
    {
        var rounded = DTypes.RoundToBFloat16(value);

        Assert.Equal(expected, rounded);
        Assert.Equal(rounded, DTypes.RoundToBFloat16(rounded));
    }

    [Fact]
    public void Run_HalfTypes_RoundAtEveryNodeAndComeBackAsBits()
    {
        var graph = new Graph();
        var x = graph.Input("x", new Shape(2), DType.BFloat16);
        graph.Output("sum", graph.Add(x, graph.Splat(Shape.Scalar, 0.001953125f, DType.BFloat16)));
        var inputs = new Dictionary<string, HostTensor>
        {
            ["x"] = HostTensor.OfBFloat16(new Shape(2), [DTypes.ToBFloat16Bits(1), DTypes.ToBFloat16Bits(0.25f)]),
        };

        var sum = Interpreter.Run(graph, inputs)["sum"];

        Assert.Equal(
            [1f, 0.25f + 0.001953125f], sum.BFloat16Bits.Select(DTypes.FromBFloat16Bits).ToArray());
    }

    [Fact]
    public void Run_OutOfRangeStart_IsAFaultAndNotMoved()
    {
        var graph = new Graph();
        graph.Output("y", graph.DynamicSlice(
            graph.Input("x", new Shape(5)), 0, graph.Input("start", Shape.Scalar, DType.Int32), 3));
        Dictionary<string, double[]> At(int start) => new() { ["x"] = [0, 1, 2, 3, 4], ["start"] = [start] };

        Assert.Equal([2, 3, 4], Interpreter.Run(graph, At(2))["y"]);
        Assert.Throws<TensorShapeException>(() => Interpreter.Run(graph, At(3)));
        Assert.Throws<TensorShapeException>(() => Interpreter.Run(graph, At(-1)));
    }

    [Fact]
    public void Run_UInt32Products_WrapAround()
    {
        var graph = new Graph();
        var x = graph.Input("x", new Shape(1), DType.UInt32);
        graph.Output("y", graph.Multiply(x, x));
        var inputs = new Dictionary<string, HostTensor> { ["x"] = HostTensor.OfUInt32(new Shape(1), [4_000_000_019]) };

        Assert.Equal(unchecked(4_000_000_019u * 4_000_000_019u), Interpreter.Run(graph, inputs)["y"].UInts[0]);
    }

    [Fact]
    public void ElementCount_StackOfALargeModel_IsMoreThanAnArrayHolds()
    {
        var stacked = new Shape(48, 15360, 3840);

        Assert.Equal(2_831_155_200, stacked.ElementCount);
        Assert.Throws<OverflowException>(() => stacked.Count);
        var graph = new Graph();
        Assert.Equal(new Shape(48, 3840, 15360), graph.Reshape(
            graph.Input("gate", stacked, DType.BFloat16), new Shape(48, 3840, 15360)).Shape);
    }
}
