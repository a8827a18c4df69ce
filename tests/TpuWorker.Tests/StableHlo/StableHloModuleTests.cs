using Workflows.Pjrt.Tests;
using Workflows.TpuWorker.Pjrt.Programs;
using Workflows.TpuWorker.StableHlo;
using Workflows.TpuWorker.Tensors;
using Workflows.TpuWorker.Tests.Tensors;

namespace Workflows.TpuWorker.Tests.StableHlo;

public sealed class StableHloModuleTests
{
    public static TheoryData<string> Cases => [.. OpCases.All.Concat(OpCases.Large).Select(op => op.ToString())];

    public static TheoryData<string> DifferentiableCases => [.. OpCases.All
        .Where(op => OpTable.Row(op.Op).GradientRule is not null || op.Op is OpCode.Scan or OpCode.ScanResult)
        .Where(op => op.Compile().Inputs.Any(input => input.DType == DType.Float32))
        .Select(op => op.ToString())];

    /// <summary>Of the largest element, in single precision at the highest precision.</summary>
    private const double Tolerance = 1e-4;

    [Fact]
    public void Lower_SplitOverDevices_CutsArgumentsAndTheResultsInTheirMemory()
    {
        var graph = new Graph();
        var state = graph.State("weights", new Shape(8, 6));
        var rows = graph.Input("rows", new Shape(4, 8));
        graph.Output("sum", graph.ReduceSum(graph.MatMul(rows, state), 0, 1));
        graph.Update(state, graph.Scale(state, 0.5f));

        var module = StableHloModule.Lower(graph, partition: new StableHloPartition(
            2, (name, _) => name switch { "weights" => 0, "rows" => 0, _ => null }));

        Assert.Contains("sdy.mesh @mesh = <[\"chips\"=2]>", module.Text, StringComparison.Ordinal);
        Assert.Contains(
            "tensor<8x6xf32> {sdy.sharding = #sdy.sharding<@mesh, [{\"chips\"}, {}]>}", module.Text,
            StringComparison.Ordinal);
        Assert.Contains("#sdy.sharding<@mesh, [{}, {}]>", module.Text, StringComparison.Ordinal);
        Assert.Equal((2, 8 * 6 * 4L, 8 * 6 * 2L), (module.Devices, module.DonatedBytes, module.DonatedBytesPerDevice));
        Assert.All(
            module.Outputs.Where(output => output.Alias is not null), output => Assert.Equal(0, output.SplitAxis));
        Assert.DoesNotContain("sdy", StableHloModule.Lower(graph).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Lower_AxisThatTheDevicesDoNotDivide_IsRefusedByName()
    {
        var graph = new Graph();
        graph.Output("twice", graph.Scale(graph.Input("rows", new Shape(3, 4)), 2));

        var fault = Assert.Throws<TensorShapeException>(() => StableHloModule.Lower(
            graph, partition: new StableHloPartition(2, (name, _) => name == "rows" ? 0 : null)));

        Assert.Contains("'rows'", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Ops_EveryPrimitive_HasASpelling() => Assert.Equal(
        OpTable.Rows.Where(row => row.Decompose is null).Select(row => row.Op), StableHloLowering.Ops.Order());

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Run_EveryOperation_EqualsTheInterpreter(string name)
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        var op = OpCases.All.Concat(OpCases.Large).Single(candidate => candidate.ToString() == name);
        var (graph, result, _) = op.Compile();
        graph.Output("result", result);
        var inputs = op.RandomInputs(3);

        using var program = PjrtProgram.Compile(client, graph);
        var actual = program.Run(inputs)["result"];

        // Half floats may be rounded one product earlier or later than here: one unit in the last place.
        Compare.Close(
            Interpreter.Run(graph, inputs)["result"].Floats, actual.Floats, op.IsRounded ? 4e-3 : Tolerance);
    }

    [Theory]
    [MemberData(nameof(DifferentiableCases))]
    public async Task Run_GradientsOfEveryOperation_EqualTheInterpreter(string name)
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        var op = OpCases.All.Single(candidate => candidate.ToString() == name);
        var (graph, result, inputs) = op.Compile();
        var seed = graph.Input("seed", result.Shape);
        var numbers = inputs.Where(input => input.DType == DType.Float32)
            .Take(op.Op == OpCode.Rope ? 1 : int.MaxValue).ToArray();
        var gradients = Autodiff.Gradients(result, seed, numbers);
        for (var i = 0; i < numbers.Length; i++)
        {
            graph.Output($"d{i}", gradients[i]);
        }

        var values = op.RandomInputs(1);
        var random = new Random(7);
        values["seed"] = new HostTensor(
            result.Shape, [.. Enumerable.Range(0, result.Shape.Count).Select(_ => random.NextSingle() - 0.5f)]);

        using var program = PjrtProgram.Compile(client, graph);
        var actual = program.Run(values);

        foreach (var (output, expected) in Interpreter.Run(graph, values))
        {
            Compare.Close(expected.Floats, actual[output].Floats, op.IsRounded ? 1e-2 : Tolerance, output);
        }
    }

    [Fact]
    public void Lower_Inputs_AreThoseThatAreNeededAndStatesWithAnUpdate()
    {
        var graph = new Graph();
        var seed = graph.Input("unused", new Shape(1), DType.Int32);
        var (w, x) = (graph.State("w", new Shape(2, 3)), graph.Input("x", new Shape(3), DType.BFloat16));
        var counter = graph.State("counter", Shape.Scalar, DType.Int32);
        graph.Output("y", graph.Exp(x));
        graph.Update(w, graph.Scale(w, 0.5f));
        graph.Update(counter, graph.Splat(Shape.Scalar, 7, DType.Int32));

        var module = StableHloModule.Lower(graph, "step");

        Assert.Equal(DType.Int32, seed.DType);
        Assert.Equal(
            [("w", DType.Float32, 1), ("x", DType.BFloat16, null), ("counter", DType.Int32, 2)],
            module.Arguments.Select(argument => (argument.Name, argument.DType, argument.Alias)));
        Assert.Equal(
            [("y", (int?)null), ("w", 0), ("counter", 2)],
            module.Outputs.Select(output => (output.Name, output.Alias)));
        Assert.Contains("%arg0: tensor<2x3xf32> {tf.aliasing_output = 1 : i32}", module.Text, StringComparison.Ordinal);
        Assert.Equal((24 + 6 + 4, 28), (module.ArgumentBytes, module.DonatedBytes));
        Assert.Equal(module.Hash, StableHloModule.Lower(graph, "step").Hash);
        Assert.NotEqual(module.Hash, StableHloModule.Lower(graph, "other").Hash);
    }

    [Fact]
    public void Lower_NumbersThatAreHardToSpell_AreSpelledToTheBit()
    {
        var graph = new Graph();
        graph.Output("r", graph.Concat(
            0,
            graph.Splat(new Shape(1), 1e-6f), graph.Splat(new Shape(1), float.NegativeInfinity),
            graph.Splat(new Shape(1), -0.1f), graph.Splat(new Shape(1), 16777217)));
        graph.Output("b", graph.Splat(Shape.Scalar, 1.5f, DType.BFloat16));

        var text = StableHloModule.Lower(graph).Text;

        Assert.Contains("dense<9.99999997E-7> : tensor<1xf32>", text, StringComparison.Ordinal);
        Assert.Contains("dense<0xFF800000> : tensor<1xf32>", text, StringComparison.Ordinal);
        Assert.Contains("dense<-1.00000001E-1> : tensor<1xf32>", text, StringComparison.Ordinal);
        Assert.Contains("dense<1.6777216E+7> : tensor<1xf32>", text, StringComparison.Ordinal);
        Assert.Contains("dense<0x3FC0> : tensor<bf16>", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Lower_NothingToGiveOrABadName_IsRefused()
    {
        var graph = new Graph();
        graph.Input("x", new Shape(1));

        Assert.Throws<TensorShapeException>(() => StableHloModule.Lower(graph));
        graph.Output("x", graph.Inputs[0]);
        Assert.Throws<TensorShapeException>(() => StableHloModule.Lower(graph, "a b"));
        Assert.Throws<TensorShapeException>(() => StableHloModule.Lower(graph, ""));
    }

    [Fact]
    public async Task Run_State_IsUpdatedInItsOwnMemory()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        var graph = new Graph();
        var (w, x) = (graph.State("w", new Shape(64, 32)), graph.Input("x", new Shape(32)));
        graph.Output("sum", graph.ReduceSum(graph.Multiply(w, x), 0, 1));
        graph.Update(w, graph.Add(w, x));
        var module = StableHloModule.Lower(graph);
        using var program = PjrtProgram.Compile(client, module);
        using var session = new PjrtSession(program);
        session.SetState("w", HostTensor.Zeros(DType.Float32, w.Shape));
        var inputs = new Dictionary<string, HostTensor>
        {
            ["x"] = new(x.Shape, [.. Enumerable.Repeat(1f, 32)]),
        };

        for (var step = 0; step < 3; step++)
        {
            Assert.Equal(step * 64 * 32, session.Step(inputs)["sum"].Floats[0]);
        }

        Assert.All(session.GetState("w").Floats, value => Assert.Equal(3, value));
        Assert.Equal(module.DonatedBytes, program.Executable.Executable.ReadMemory()!.Aliased);
    }
}
