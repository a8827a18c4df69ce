using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Tensors;

public sealed class AutodiffTests
{
    private const double Step = 1e-5;

    public static TheoryData<string> DifferentiableCases => [.. OpCases.All
        .Where(op => OpTable.Row(op.Op).GradientRule is not null
            || op.Op is OpCode.Input or OpCode.Scan or OpCode.ScanResult)
        .Where(op => !op.IsRounded)
        .Select(op => op.ToString())];

    [Theory]
    [MemberData(nameof(DifferentiableCases))]
    public void Gradients_EveryOperation_EqualFiniteDifferences(string name)
    {
        var op = OpCases.All.Single(candidate => candidate.ToString() == name);
        var (graph, result, inputs) = op.Compile();
        graph.Output("result", result);
        var seed = graph.Input("seed", result.Shape);
        var numbers = inputs.Where(input => input.DType == DType.Float32)
            .Take(op.Op == OpCode.Rope ? 1 : int.MaxValue).ToArray(); // its tables are data
        var gradients = Autodiff.Gradients(result, seed, numbers);
        for (var i = 0; i < numbers.Length; i++)
        {
            graph.Output($"d{numbers[i].Attributes.Name}", gradients[i]);
        }

        var random = new Random(7);
        var values = op.RandomInputs(1).ToDictionary(input => input.Key, input => Interpreter.Widen(input.Value));
        values["seed"] = [.. Enumerable.Range(0, result.Shape.Count).Select(_ => random.NextDouble() - 0.5)];
        var analytic = Interpreter.Run(graph, values);
        foreach (var input in numbers.Select(input => input.Attributes.Name!))
        {
            for (var i = 0; i < values[input].Length; i++)
            {
                var expected = Slope(graph, values, input, i);
                Assert.Equal(expected, analytic[$"d{input}"][i], 1e-6 * Math.Max(1, Math.Abs(expected)));
            }
        }
    }

    [Fact]
    public void Gradients_NodeUsedTwice_AddBothUses()
    {
        var graph = new Graph();
        var x = graph.Input("x", new Shape(1));
        var y = graph.Multiply(graph.Add(x, x), x);
        graph.Output("dx", Autodiff.Gradients(y, graph.Splat(y.Shape, 1), [x])[0]);

        var dx = Interpreter.Run(graph, new Dictionary<string, double[]> { ["x"] = [3] })["dx"];

        Assert.Equal(12, dx[0], 1e-12);
    }

    [Fact]
    public void Gradients_TiedTable_ScattersIntoTheOtherUse()
    {
        var graph = new Graph();
        var table = graph.Input("table", new Shape(4, 2));
        var rows = graph.Input("rows", new Shape(3), DType.Int32);
        var logits = graph.MatMul(graph.Gather(table, rows), table, transposeRight: true);

        var gradient = Autodiff.Gradients(logits, graph.Splat(logits.Shape, 1), [table])[0];

        Assert.Equal(OpCode.ScatterAdd, gradient.Op);
        Assert.Equal(OpCode.MatMul, gradient.Operands[0].Op);
    }

    [Fact]
    public void Gradients_UnusedTarget_AreZeros()
    {
        var graph = new Graph();
        var (x, unused) = (graph.Input("x", new Shape(2)), graph.Input("unused", new Shape(3)));

        var gradient = Autodiff.Gradients(x, graph.Splat(x.Shape, 1), [unused])[0];

        Assert.Equal((OpCode.Splat, 0f), (gradient.Op, gradient.Attributes.Scalar));
    }

    [Fact]
    public void Gradients_ThroughAGradientOperation_SayWhichHasNone()
    {
        var graph = new Graph();
        var x = graph.Input("x", new Shape(2, 2));
        var node = graph.Append(OpCode.SoftmaxGradient, [x, x]);

        var fault = Assert.Throws<GradientUndefinedException>(
            () => Autodiff.Gradients(node, graph.Splat(node.Shape, 1), [x]));

        Assert.Equal("SoftmaxGradient", fault.Operation);
    }

    [Fact]
    public void Gradients_RuleWithTooFewGradients_NamesNodeAndCounts()
    {
        var (x, y, product) = Product();

        var fault = Refused(product, [x, y], call => [call.Upstream]);

        Assert.Equal(
            "Gradient of %2 = Multiply(%0, %1) : Float32[2, 3]: the number of gradients is 1, wanted 2, "
            + "one per operand.",
            fault.Message);
    }

    [Fact]
    public void Gradients_RuleWithAGradientOfAnotherShape_NamesNodeAndOperand()
    {
        var (x, y, product) = Product();

        // The second operand was broadcast, and the sum over its repeated axis is forgotten.
        var fault = Refused(product, [x, y], call => [call.Upstream, call.Upstream]);

        Assert.Equal(
            "Gradient of %2 = Multiply(%0, %1) : Float32[2, 3]: operand 2 of 2 is [2, 3], wanted [3].", fault.Message);
    }

    [Fact]
    public void Gradients_RuleThatIsWrongForAnUnusedOperand_IsRefusedAllTheSame()
    {
        var (x, _, product) = Product();

        var fault = Refused(product, [x], call => [call.Upstream, call.Upstream]);

        Assert.Contains("operand 2 of 2", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Gradients_ByAnOperandWithoutOne_SayWhichItIs()
    {
        var graph = new Graph();
        var heads = graph.Input("heads", new Shape(1, 2, 1, 4));
        var (cosines, sines) = (graph.Input("cos", new Shape(1, 2, 2)), graph.Input("sin", new Shape(1, 2, 2)));
        var turned = graph.Rope(heads, cosines, sines);

        var fault = Assert.Throws<GradientUndefinedException>(
            () => Autodiff.Gradients(turned, graph.Splat(turned.Shape, 1), [cosines]));

        Assert.Equal("Operand 2 of 3 of Rope", fault.Operation);
    }

    private static (Node X, Node Y, Node Product) Product()
    {
        var graph = new Graph();
        var (x, y) = (graph.Input("x", new Shape(2, 3)), graph.Input("y", new Shape(3)));
        return (x, y, graph.Multiply(x, y));
    }

    private static TensorShapeException Refused(
        Node result, IReadOnlyList<Node> targets, Func<GradientCall, IReadOnlyList<Node?>> rule) =>
        Assert.Throws<TensorShapeException>(() => Autodiff.Gradients(
            [(result, result.Graph.Splat(result.Shape, 1))], targets, _ => rule));

    private static double Slope(Graph graph, Dictionary<string, double[]> values, string input, int element)
    {
        var original = values[input];
        double At(double offset)
        {
            var moved = (double[])original.Clone();
            moved[element] += offset;
            values[input] = moved;
            var result = Interpreter.Run(graph, values)["result"];
            return result.Zip(values["seed"], (value, weight) => value * weight).Sum();
        }

        var slope = (At(Step) - At(-Step)) / (2 * Step);
        values[input] = original;
        return slope;
    }
}
