using Workflows.TestKit;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Programs;
using Workflows.TpuWorker.Tensors;
using Workflows.TpuWorker.Tests.Tensors;

namespace Workflows.TpuWorker.Tests.Pjrt;

/// <summary>Graphs through a plugin: the fake one everywhere, and a real one where it is.</summary>
public sealed class PjrtProgramTests
{
    public static TheoryData<bool> Plugins => [false, true];

    // The fake plugin computes by the interpreter, so that what differs is lost on the way.
    [Fact]
    public void Run_EveryOperationOnTheFakePlugin_ComesBackToTheBit()
    {
        foreach (var op in OpCases.All)
        {
            var (graph, result, _) = op.Compile();
            graph.Output("result", result);
            var (fake, client) = FakeGraphs.Start(graph);
            var inputs = op.RandomInputs(3);
            using (var program = PjrtProgram.Compile(client, graph))
            {
                Assert.Equal(Interpreter.Run(graph, inputs)["result"].Bytes, program.Run(inputs)["result"].Bytes);
            }

            client.Dispose();
            Assert.Empty(fake.Violations);
            Assert.Empty(fake.Leaks);
        }
    }

    [Theory]
    [MemberData(nameof(Plugins))]
    public async Task Run_OfEveryElementType_EqualsTheInterpreter(bool isReal)
    {
        var graph = TypesGraph();
        var client = await FakeGraphs.ClientOrSkipAsync(graph, isReal);
        var inputs = new Dictionary<string, HostTensor>
        {
            ["f"] = new(new Shape(3), [-1.5f, 0.25f, 1e30f]),
            ["i"] = new(new Shape(3), [-7, 0, int.MaxValue]),
            ["u"] = HostTensor.OfUInt32(new Shape(3), [1, 0, uint.MaxValue]),
            ["b"] = HostTensor.OfBFloat16(new Shape(3), [0x3f80, 0xc000, 0x7f80]),
            ["p"] = HostTensor.OfBool(new Shape(3), [true, false, true]),
        };

        using var program = PjrtProgram.Compile(client, graph);
        var outputs = program.Run(inputs);

        foreach (var (name, expected) in Interpreter.Run(graph, inputs))
        {
            Assert.Equal(expected.DType, outputs[name].DType);
            Assert.Equal(expected.Bytes, outputs[name].Bytes);
        }
    }

    [Theory]
    [MemberData(nameof(Plugins))]
    public async Task Step_OfASession_KeepsItsStatesOnTheDevice(bool isReal)
    {
        var graph = StepGraph();
        var client = await FakeGraphs.ClientOrSkipAsync(graph, isReal);
        using var program = PjrtProgram.Compile(client, graph);
        using var session = new PjrtSession(program);
        Assert.Equal(["w", "count"], session.StateNames);
        session.SetState("w", new HostTensor(new Shape(2, 3), [1f, 2, 3, 4, 5, 6]));
        session.SetState("count", new HostTensor(Shape.Scalar, new[] { 40 }));
        var inputs = new Dictionary<string, HostTensor> { ["x"] = new(new Shape(3), [1f, 0, 2]) };

        for (var step = 1; step <= 3; step++)
        {
            var outputs = session.Step(inputs);
            Assert.Equal(["sum"], outputs.Keys);
            Assert.Equal([21 + (6 * step)], outputs["sum"].Floats);
        }

        Assert.Equal([4, 2, 9, 7, 5, 12], session.GetState("w").Floats);
        Assert.Equal([43], session.GetState("count").Ints);
        Assert.InRange(session.StateBytes, 28, 4096);
        session.SetState("w", HostTensor.Zeros(DType.Float32, new Shape(2, 3)));
        Assert.Equal([6], session.Step(inputs)["sum"].Floats);
        Assert.Equal(28, program.Executable.Executable.ReadMemory()!.Aliased);
    }

    [Theory]
    [MemberData(nameof(Plugins))]
    public async Task Run_OfAGraphWithStates_TakesAndGivesThem(bool isReal)
    {
        var graph = StepGraph();
        var client = await FakeGraphs.ClientOrSkipAsync(graph, isReal);
        using var program = PjrtProgram.Compile(client, graph);
        var inputs = new Dictionary<string, HostTensor>
        {
            ["x"] = new(new Shape(3), [1f, 1, 1]),
            ["w"] = new(new Shape(2, 3), [1f, 2, 3, 4, 5, 6]),
            ["count"] = new(Shape.Scalar, new[] { 1 }),
        };

        var first = program.Run(inputs);
        var second = program.Run(inputs);

        Assert.Equal([2, 3, 4, 5, 6, 7], first["w"].Floats);
        Assert.Equal([2], second["count"].Ints);
        Assert.Equal(first["sum"].Floats, second["sum"].Floats);
    }

    [Fact]
    public void Run_WithWrongInputs_NamesThem()
    {
        var graph = StepGraph();
        var (fake, client) = FakeGraphs.Start(graph);
        using var program = PjrtProgram.Compile(client, graph);
        using var session = new PjrtSession(program);
        var x = new HostTensor(new Shape(3), [1f, 1, 1]);

        Assert.Contains("'w'", Assert.Throws<InvalidOperationException>(
            () => session.Step(new Dictionary<string, HostTensor> { ["x"] = x })).Message, StringComparison.Ordinal);
        Assert.Throws<TensorShapeException>(() => session.SetState("x", x));
        Assert.Throws<TensorShapeException>(() => session.SetState("w", x));
        session.SetState("w", HostTensor.Zeros(DType.Float32, new Shape(2, 3)));
        session.SetState("count", new HostTensor(Shape.Scalar, new[] { 0 }));
        Assert.Contains("'x'", Assert.Throws<TensorShapeException>(
            () => session.Step(new Dictionary<string, HostTensor>())).Message, StringComparison.Ordinal);
        Assert.Throws<TensorShapeException>(() => session.Step(
            new Dictionary<string, HostTensor> { ["x"] = HostTensor.Zeros(DType.Int32, new Shape(3)) }));

        // Nothing ran, so nothing is lost.
        Assert.Equal(0, fake.CallsOf("LoadedExecutable_Execute"));
        Assert.Equal([6], session.Step(new Dictionary<string, HostTensor> { ["x"] = x })["sum"].Floats);
        Assert.Empty(fake.Violations);
    }

    [Fact]
    public void Step_WhoseWorkFails_LosesTheStatesAndSaysSo()
    {
        var graph = StepGraph();
        var (fake, client) = FakeGraphs.Start(graph);
        var program = PjrtProgram.Compile(client, graph);
        var session = new PjrtSession(program);
        var inputs = new Dictionary<string, HostTensor> { ["x"] = new(new Shape(3), [1f, 1, 1]) };
        void SetStates()
        {
            session.SetState("w", HostTensor.Zeros(DType.Float32, new Shape(2, 3)));
            session.SetState("count", new HostTensor(Shape.Scalar, new[] { 0 }));
        }

        SetStates();
        fake.FailNext("LoadedExecutable_Execute", 8, "Out of memory on HBM.");
        Assert.Equal(PjrtErrorCode.ResourceExhausted, Assert.Throws<PjrtException>(() => session.Step(inputs)).Code);
        Assert.Equal([6], session.Step(inputs)["sum"].Floats);
        fake.FailWork(14, "The chip is gone.");
        Assert.Equal(PjrtErrorCode.Unavailable, Assert.Throws<PjrtException>(() => session.Step(inputs)).Code);
        Assert.Throws<InvalidOperationException>(() => session.Step(inputs));
        Assert.Throws<InvalidOperationException>(() => session.GetState("w"));
        SetStates();
        Assert.Equal([6], session.Step(inputs)["sum"].Floats);

        Assert.All<IDisposable>([session, program, client], each => each.Dispose());
        Assert.Empty(fake.Violations);
        Assert.Empty(fake.Leaks);
    }

    [Fact]
    public void Compile_OfStatesThatAreNotUpdatedInPlace_IsRefused()
    {
        var graph = StepGraph();
        var (fake, client) = FakeGraphs.Start(graph);
        FakeGraphs.Register(fake, graph, donates: false);

        var exception = Assert.Throws<PjrtException>(() => PjrtProgram.Compile(client, graph));

        Assert.Contains("0 bytes of their memory, wanted 28", exception.Message, StringComparison.Ordinal);
        client.Dispose();
        Assert.Empty(fake.Leaks);
    }

    [Theory]
    [MemberData(nameof(Plugins))]
    public async Task Compile_WithACache_LoadsTheSecondTime(bool isReal)
    {
        using var folder = new TemporaryFolder();
        var cache = new PjrtExecutableCache(folder["programs"]);
        var graph = StepGraph();
        var client = await FakeGraphs.ClientOrSkipAsync(graph, isReal);
        using var first = PjrtProgram.Compile(client, graph, cache);
        using var second = PjrtProgram.Compile(client, graph, cache);
        var inputs = new Dictionary<string, HostTensor>
        {
            ["x"] = new(new Shape(3), [1f, 1, 1]),
            ["w"] = new(new Shape(2, 3), [1f, 2, 3, 4, 5, 6]),
            ["count"] = new(Shape.Scalar, new[] { 1 }),
        };

        Assert.Equal((false, true), (first.WasLoaded, second.WasLoaded));
        Assert.Equal(first.Run(inputs)["w"].Floats, second.Run(inputs)["w"].Floats);
        Assert.Single(Directory.GetFiles(folder["programs"]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(40)]
    public void Compile_WithADamagedFile_CompilesAnew(int length)
    {
        using var folder = new TemporaryFolder();
        var cache = new PjrtExecutableCache(folder.Path);
        var graph = StepGraph();
        var (fake, client) = FakeGraphs.Start(graph);
        PjrtProgram.Compile(client, graph, cache).Dispose();
        var path = Assert.Single(Directory.GetFiles(folder.Path));
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..length]);

        using var again = PjrtProgram.Compile(client, graph, cache);
        using var third = PjrtProgram.Compile(client, graph, cache);

        // The damaged bytes never reached the plugin.
        Assert.Equal((false, true), (again.WasLoaded, third.WasLoaded));
        Assert.Equal(1, fake.CallsOf("Executable_DeserializeAndLoad"));
    }

    [Fact]
    public void Compile_WithACacheThatThePluginRefuses_CompilesAnew()
    {
        using var folder = new TemporaryFolder();
        var cache = new PjrtExecutableCache(folder.Path);
        var graph = StepGraph();
        var (fake, client) = FakeGraphs.Start(graph);
        fake.FailNext("Executable_Serialize", 12, "Not here.");
        PjrtProgram.Compile(client, graph, cache).Dispose();
        Assert.Empty(Directory.GetFiles(folder.Path));
        PjrtProgram.Compile(client, graph, cache).Dispose();
        fake.FailNext("Executable_DeserializeAndLoad", 3, "Another build.");

        using var program = PjrtProgram.Compile(client, graph, cache);

        Assert.False(program.WasLoaded);
        Assert.Equal(3, fake.CallsOf("Client_Compile"));
    }

    [Fact]
    public void PathOf_AnotherPluginTextOrOption_Differs()
    {
        var cache = new PjrtExecutableCache("programs");
        var graph = StepGraph();
        var (_, client) = FakeGraphs.Start(graph);
        var (_, older) = FakeGraphs.Start(graph, minor: 100);

        string[] paths =
        [
            cache.PathOf(client, "a"), cache.PathOf(client, "b"), cache.PathOf(older, "a"),
            cache.PathOf(client, "a", new PjrtCompileOptions { Partitions = 2 }),
        ];

        Assert.Equal(paths, paths.Distinct());
        Assert.Equal(paths[0], cache.PathOf(client, "a", new PjrtCompileOptions()));
    }

    /// <summary>w' = w + x, count' = count + 1, sum = sum of w'.</summary>
    private static Graph StepGraph()
    {
        var graph = new Graph();
        var (w, x) = (graph.State("w", new Shape(2, 3)), graph.Input("x", new Shape(3)));
        var count = graph.State("count", Shape.Scalar, DType.Int32);
        var next = graph.Add(w, x);
        graph.Output("sum", graph.Reshape(graph.ReduceSum(next, 0, 1), new Shape(1)));
        graph.Update(w, next);
        graph.Update(count, graph.Add(count, graph.Splat(Shape.Scalar, 1, DType.Int32)));
        return graph;
    }

    private static Graph TypesGraph()
    {
        var graph = new Graph();
        var p = graph.Input("p", new Shape(3), DType.Bool);
        graph.Output("f2", graph.Negate(graph.Input("f", new Shape(3))));
        var i = graph.Input("i", new Shape(3), DType.Int32);
        graph.Output("i2", graph.Maximum(i, graph.Splat(Shape.Scalar, 0, DType.Int32)));
        var u = graph.Input("u", new Shape(3), DType.UInt32);
        graph.Output("u2", graph.Xor(u, graph.ShiftRight(u, graph.Splat(Shape.Scalar, 1, DType.UInt32))));
        var b = graph.Input("b", new Shape(3), DType.BFloat16);
        graph.Output("b2", graph.Negate(b));
        graph.Output("p2", graph.Xor(p, graph.Compare(i, Comparison.Less, graph.Splat(Shape.Scalar, 0, DType.Int32))));
        return graph;
    }
}
