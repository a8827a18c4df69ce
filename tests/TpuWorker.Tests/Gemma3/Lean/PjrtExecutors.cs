using Workflows.Pjrt.Tests;
using Workflows.TestKit.Pjrt;
using Workflows.TpuWorker.Gemma3.Lean;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Programs;
using Workflows.TpuWorker.Tests.Pjrt;

namespace Workflows.TpuWorker.Tests.Gemma3.Lean;

/// <summary>
/// Tests that use the compiler of a real plugin and ONNX Runtime in one process, which the product never does: one
/// after the other, with nothing beside them.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class PluginBesideOnnxTests
{
    public const string Name = "plugin beside ONNX Runtime";
}

/// <summary>Executors in single precision: on the fake plugin, which every clone has, and on a real one.</summary>
internal static class PjrtExecutors
{
    // The tests' programs run for milliseconds: what counts is the compiler's time.
    private static readonly PjrtCompileOptions Quick = new()
    {
        Flags = new Dictionary<string, object>
        {
            ["xla_backend_optimization_level"] = 0,
            ["xla_llvm_disable_expensive_passes"] = true,
        },
    };

    /// <summary>Gives an executor, or skips the running test where there is no real plugin.</summary>
    public static async Task<PjrtExecutor> StartOrSkipAsync(bool isReal, int devices = 1)
    {
        if (isReal)
        {
            // Kept from test to test and from run to run: compiling takes seconds, and the same programs come again.
            var folder = Path.Combine(Path.GetDirectoryName(await CpuPlugin.PathOrSkipAsync())!, "test-programs");
            return new PjrtExecutor(
                await CpuPlugin.ClientOrSkipAsync(), PrecisionPolicy.Full, new PjrtExecutableCache(folder),
                devices)
            {
                CompileOptions = Quick,
            };
        }

        var fake = new FakePlugin();
        var client = PjrtClient.Create(PjrtPlugin.FromTable(fake.Table, "fake"));
        return new PjrtExecutor(client, PrecisionPolicy.Full)
        {
            OnModule = (graph, module) => FakeGraphs.Register(fake, graph, module),
        };
    }
}
