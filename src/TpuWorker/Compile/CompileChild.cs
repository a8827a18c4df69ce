using System.Diagnostics;
using System.Text.Json;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Processes;

namespace Workflows.TpuWorker.Compile;

/// <summary>
/// The process that loads a plugin and compiles. A plugin reads its environment variables when it is loaded, takes
/// hundreds of megabytes, and may abort, which must not affect the command or the service.
/// </summary>
public static class CompileChild
{
    /// <summary>The argument of a program that starts such a process.</summary>
    public const string Name = "compile-child";

    /// <summary>Answers requests until the parent closes the input.</summary>
    /// <returns>A task that completes when the parent closes the input.</returns>
    public static async Task RunAsync()
    {
        using var service = ChildService.Open();
        PjrtPlugin? plugin = null;
        await service.RunAsync((bytes, _) =>
        {
            var order = JsonSerializer.Deserialize<Order>(bytes.Span)!;
            plugin ??= PjrtPlugin.Load(order.Plugin);
            return Task.FromResult(JsonSerializer.SerializeToUtf8Bytes(Compile(plugin, order)));
        });
    }

    private static Answer Compile(PjrtPlugin plugin, Order order)
    {
        var began = Stopwatch.GetTimestamp();
        if (order.Topology is not { } name)
        {
            // A plugin without topologies, such as one for processors, compiles for the machine itself.
            using var client = PjrtClient.Create(plugin);
            using var loaded = client.Compile(order.Text, PjrtCompileOptions.Over(order.Devices));
            var program = loaded.Executable;
            return Of(program, $"{client.PlatformName} {client.PlatformVersion}", began);
        }

        using var topology = PjrtTopology.Create(plugin, name);
        using var executable = topology.Compile(order.Text, PjrtCompileOptions.Over(order.Devices));
        return Of(executable, $"{topology.PlatformName} {topology.PlatformVersion}", began);
    }

    private static Answer Of(PjrtExecutable executable, string compiler, long began)
    {
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var memory = executable.ReadMemory();
        return new Answer(
            compiler.ReplaceLineEndings(" "), seconds,
            memory is null ? null : new ProgramMemory(
                memory.Arguments, memory.Temporaries, memory.Outputs, memory.Aliased, memory.Code, memory.Total));
    }

    /// <summary>A program to compile.</summary>
    /// <param name="Plugin">Path of the plugin.</param>
    /// <param name="Topology">Name of the topology; null for the plugin's own first device.</param>
    /// <param name="Text">StableHLO text.</param>
    /// <param name="Devices">Devices that the program is split over.</param>
    internal sealed record Order(string Plugin, string? Topology, string Text, int Devices = 1);

    /// <summary>A compiled program.</summary>
    internal sealed record Answer(string Compiler, double Seconds, ProgramMemory? Memory);
}
