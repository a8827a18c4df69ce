using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.StableHlo;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.StableHlo;

/// <summary>Runs a module once through a plugin.</summary>
internal static class PluginRun
{
    public static Dictionary<string, HostTensor> Run(
        PjrtClient client, Graph graph, IReadOnlyDictionary<string, HostTensor> inputs)
    {
        var module = StableHloModule.Lower(graph);
        using var program = client.Compile(module.Text);
        return Run(client, program, module, inputs);
    }

    public static Dictionary<string, HostTensor> Run(
        PjrtClient client, PjrtLoadedExecutable program, StableHloModule module,
        IReadOnlyDictionary<string, HostTensor> inputs)
    {
        PjrtBuffer[] arguments = [.. module.Arguments.Select(argument => Upload(client, inputs[argument.Name]))];
        using var execution = program.Execute(arguments);
        execution.Completed.GetAwaiter().GetResult();
        var results = new Dictionary<string, HostTensor>();
        for (var i = 0; i < module.Outputs.Count; i++)
        {
            var tensor = HostTensor.Zeros(module.Outputs[i].DType, module.Outputs[i].Shape);
            execution.Outputs[0][i].Download(tensor.Bytes);
            results.Add(module.Outputs[i].Name, tensor);
        }

        Array.ForEach(arguments, argument => argument.Dispose());
        return results;
    }

    public static PjrtBuffer Upload(PjrtClient client, HostTensor tensor) => client.Upload<byte>(
        tensor.Bytes, TypeOf(tensor.DType), [.. tensor.Shape.Dimensions.ToArray().Select(size => (long)size)]);

    private static PjrtElementType TypeOf(DType type) => type switch
    {
        DType.Float32 => PjrtElementType.F32,
        DType.Int32 => PjrtElementType.S32,
        DType.BFloat16 => PjrtElementType.BF16,
        DType.UInt32 => PjrtElementType.U32,
        _ => PjrtElementType.Pred,
    };
}
