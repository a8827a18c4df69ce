using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Tensors;

public sealed class DecompositionTests
{
    public static TheoryData<string> Cases => [.. OpCases.All.Select(op => op.ToString())];

    [Theory]
    [MemberData(nameof(Cases))]
    public void ToPrimitives_EveryCase_HasNoCompositeAndTheSameResult(string name)
    {
        var op = OpCases.All.Single(candidate => candidate.ToString() == name);
        var (graph, result, _) = op.Compile();
        graph.Output("result", result);
        var inputs = op.RandomInputs(5);

        var primitives = GraphCopy.ToPrimitives(graph);

        Assert.DoesNotContain(
            primitives.Nodes.SelectMany(AndOfBody), node => OpTable.Row(node.Op).Decompose is not null);
        Compare.Close(
            Interpreter.Run(graph, inputs)["result"].Floats, Interpreter.Run(primitives, inputs)["result"].Floats,
            1e-6);
    }

    [Fact]
    public void Rows_Composites_AreThoseWithAKernelSomewhere()
    {
        OpCode[] composites =
        [
            OpCode.Softmax, OpCode.SoftmaxGradient, OpCode.RmsNorm, OpCode.RmsNormGradient, OpCode.RmsNormScaleGradient,
            OpCode.GeluTanh, OpCode.GeluTanhGradient, OpCode.Rope, OpCode.CrossEntropy, OpCode.CrossEntropyGradient,
            OpCode.Dropout, OpCode.ArgMax, OpCode.TopK,
        ];

        Assert.Equal(composites, OpTable.Rows.Where(row => row.Decompose is not null).Select(row => row.Op));
    }

    [Fact]
    public void ToPrimitives_State_StaysState()
    {
        var graph = new Graph();
        var state = graph.State("w", new Shape(3));
        graph.Output("loss", graph.ReduceSum(graph.Softmax(state), 0));
        graph.Update(state, graph.Softmax(state));

        var primitives = GraphCopy.ToPrimitives(graph);

        Assert.Equal(["w"], primitives.Updates.Values);
        Assert.Equal(["loss", "w"], primitives.Outputs.Select(output => output.Key));
    }

    private static IEnumerable<Node> AndOfBody(Node node) =>
        node.Attributes.Loop is { } loop ? loop.Body.Nodes.SelectMany(AndOfBody).Prepend(node) : [node];
}
