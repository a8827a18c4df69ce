using Workflows.Pjrt.Tests;
using Workflows.TestKit.Pjrt;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.StableHlo;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Pjrt;

/// <summary>
/// Graphs that the fake plugin runs by the interpreter, looked up by the text that they are lowered to.
/// </summary>
internal static class FakeGraphs
{
    /// <summary>Gives a fake plugin that knows a graph, and a client of it.</summary>
    public static (FakePlugin Fake, PjrtClient Client) Start(Graph graph, int minor = FakePlugin.Newest)
    {
        var fake = new FakePlugin(minor);
        Register(fake, graph);
        return (fake, PjrtClient.Create(PjrtPlugin.FromTable(fake.Table, $"fake 0.{minor}")));
    }

    /// <summary>Gives a client that runs a graph: of the fake plugin, or of a real one if there is one.</summary>
    public static async Task<PjrtClient> ClientOrSkipAsync(Graph graph, bool isReal) =>
        isReal ? await CpuPlugin.ClientOrSkipAsync() : Start(graph).Client;

    /// <summary>Makes a graph known.</summary>
    public static void Register(FakePlugin fake, Graph graph, bool donates = true) =>
        Register(fake, graph, StableHloModule.Lower(graph), donates);

    /// <summary>Makes a graph known by the text that it was lowered to.</summary>
    public static void Register(FakePlugin fake, Graph graph, StableHloModule module, bool donates = true)
    {
        var donated = module.Arguments.Select((argument, number) => (argument.Alias, number))
            .Where(each => donates && each.Alias is not null)
            .ToDictionary(each => each.number, each => each.Alias!.Value);
        fake.Register(module.Text, new FakeProgram(arguments => Run(graph, module, arguments))
        {
            ArgumentCount = module.Arguments.Count,
            Donated = donated,
            Outputs = [.. module.Outputs.Select(output => Write(HostTensor.Zeros(output.DType, output.Shape)))],
        });
    }

    private static List<FakeTensor> Run(Graph graph, StableHloModule module, IReadOnlyList<FakeTensor> arguments)
    {
        var inputs = new Dictionary<string, HostTensor>(StringComparer.Ordinal);
        foreach (var (argument, given) in module.Arguments.Zip(arguments))
        {
            var tensor = HostTensor.Zeros(argument.DType, argument.Shape);
            given.Bytes.CopyTo(tensor.Bytes);
            inputs.Add(argument.Name, tensor);
        }

        var outputs = Interpreter.Run(graph, inputs);
        return [.. module.Outputs.Select(output => Write(outputs[output.Name]))];
    }

    private static FakeTensor Write(HostTensor tensor) => new(
        (int)(tensor.DType switch
        {
            DType.Float32 => PjrtElementType.F32,
            DType.Int32 => PjrtElementType.S32,
            DType.BFloat16 => PjrtElementType.BF16,
            DType.UInt32 => PjrtElementType.U32,
            _ => PjrtElementType.Pred,
        }),
        [.. tensor.Shape.Dimensions.ToArray().Select(size => (long)size)], tensor.Bytes.ToArray());
}
