using Workflows.TpuWorker.Onnx;
using Workflows.TpuWorker.Tensors;
using Workflows.TpuWorker.Tests.Tensors;

namespace Workflows.TpuWorker.Tests.Onnx;

public sealed class OnnxProgramTests
{
    public static TheoryData<string> Cases => [.. OpCases.All
        .Where(op => OnnxLowering.Ops.Contains(op.Op) && !op.IsRounded).Select(op => op.ToString())];

    public static TheoryData<string> LargeCases => [.. OpCases.Large.Select(op => op.ToString())];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Run_EveryOperation_EqualsTheInterpreter(string name)
    {
        var op = OpCases.All.Single(candidate => candidate.ToString() == name);
        var (graph, result, _) = op.Compile();
        graph.Output("result", result);
        var inputs = op.RandomInputs(3);

        Compare.Close(Interpreter.Run(graph, inputs)["result"].Floats, Run(graph, inputs)["result"].Floats, 2e-6);
    }

    [Theory]
    [MemberData(nameof(LargeCases))]
    public void Run_LargeOperands_EqualsTheInterpreterWithAnyNumberOfThreads(string name)
    {
        var op = OpCases.Large.Single(candidate => candidate.ToString() == name);
        var (graph, result, _) = op.Compile();
        graph.Output("result", result);
        var inputs = op.RandomInputs(3);
        float[] Outcome(int threads)
        {
            using var program = new OnnxProgram(graph, threads);
            foreach (var (input, tensor) in inputs)
            {
                program.BindInput(input, tensor);
            }

            var outputs = program.AllocateOutputs();
            program.Run();
            return outputs["result"].Floats;
        }

        var alone = Outcome(1);

        Compare.Close(Interpreter.Run(graph, inputs)["result"].Floats, alone, 5e-6);
        Assert.Equal(alone, Outcome(2));
    }

    [Fact]
    public void Run_Cancelled_BreaksOffAndRunsAgain()
    {
        var graph = new Graph();
        graph.Output("y", graph.Exp(graph.Input("x", new Shape(3))));
        using var program = new OnnxProgram(graph, 1);
        program.BindInput("x", new HostTensor(new Shape(3), [0f, 1, 2]));
        var result = program.AllocateOutputs()["y"].Floats;

        Assert.Throws<OperationCanceledException>(() => program.Run(new CancellationToken(canceled: true)));
        program.Run();

        Assert.Equal(MathF.E, result[1], 1e-5);
    }

    [Fact]
    public void Run_ManyUpdatesOfOneRow_LosesNoneAndRepeatsExactly()
    {
        var graph = new Graph();
        var table = graph.Input("table", new Shape(8, 256));
        var rows = graph.Input("rows", new Shape(4096), DType.Int32);
        var updates = graph.Input("updates", new Shape(4096, 256));
        graph.Output("result", graph.ScatterAdd(table, rows, updates));
        var random = new Random(5);
        var inputs = new Dictionary<string, HostTensor>
        {
            ["table"] = HostTensor.Zeros(DType.Float32, table.Shape),
            ["rows"] = new(rows.Shape, [.. Enumerable.Range(0, 4096).Select(_ => random.Next(2))]),
            ["updates"] = new(updates.Shape, [.. Enumerable.Range(0, 4096 * 256).Select(_ => random.NextSingle())]),
        };
        var expected = Interpreter.Run(graph, inputs)["result"].Floats;
        using var program = new OnnxProgram(graph, 2);
        foreach (var (name, tensor) in inputs)
        {
            program.BindInput(name, tensor);
        }

        var result = program.AllocateOutputs()["result"].Floats;
        float[]? first = null;
        for (var i = 0; i < 20; i++)
        {
            program.Run();
            first ??= (float[])result.Clone();
            Assert.Equal(first, result);
        }

        Compare.Close(expected, result, 1e-5);
    }

    [Fact]
    public void Run_ChangedInputMemory_IsSeen()
    {
        var graph = new Graph();
        var (a, b) = (graph.Input("a", new Shape(2, 2)), graph.Input("b", new Shape(2, 2)));
        graph.Output("c", graph.MatMul(a, b));
        using var program = new OnnxProgram(graph, 1);
        var left = new HostTensor(a.Shape, [1f, 0, 0, 1]);
        program.BindInput("a", left);
        program.BindInput("b", new HostTensor(b.Shape, [1f, 2, 3, 4]));
        var c = program.AllocateOutputs()["c"].Floats;

        program.Run();
        Assert.Equal([1f, 2, 3, 4], c);
        left.Floats[0] = 10;
        program.Run();

        Assert.Equal([10f, 20, 3, 4], c);
    }

    [Fact]
    public void BindInput_WrongShape_IsRefused()
    {
        var graph = new Graph();
        graph.Output("y", graph.Negate(graph.Input("x", new Shape(2))));
        using var program = new OnnxProgram(graph, 1);

        Assert.Throws<TensorShapeException>(
            () => program.BindInput("x", HostTensor.Zeros(DType.Float32, new Shape(3))));
        Assert.Throws<TensorShapeException>(() => program.Run());
    }

    private static Dictionary<string, HostTensor> Run(Graph graph, Dictionary<string, HostTensor> inputs)
    {
        using var program = new OnnxProgram(graph, 2);
        foreach (var (name, tensor) in inputs)
        {
            program.BindInput(name, tensor);
        }

        var outputs = program.AllocateOutputs();
        program.Run();
        return outputs;
    }
}
