using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Pjrt.Programs;

/// <summary>A plugin and its devices, after one tiny step on the first of them.</summary>
/// <param name="Plugin">The plugin's path or name.</param>
/// <param name="ApiVersion">Version of its PJRT API.</param>
/// <param name="StableHloVersion">Newest StableHLO version that it reads; null if it does not report it.</param>
/// <param name="Platform">The platform's name, such as <c>tpu</c>.</param>
/// <param name="PlatformVersion">The platform's version as the plugin formats it.</param>
/// <param name="DeviceKinds">The kind of each device of this process.</param>
/// <param name="Program">The step's memory as the compiler counts it; null if the plugin does not.</param>
/// <param name="Device">The device's memory after the step; null if the plugin does not count it.</param>
public sealed record PjrtDeviceReport(
    string Plugin, Version ApiVersion, Version? StableHloVersion, string Platform, string PlatformVersion,
    IReadOnlyList<string> DeviceKinds, PjrtProgramMemory? Program, PjrtDeviceMemory? Device);

/// <summary>
/// Checks that a plugin computes, before data and weights are read: one step of gradient descent with a product, a loss
/// and a state that is updated in place.
/// </summary>
public static class PjrtSmokeTest
{
    private const int Rows = 4, Columns = 8;
    private const float Rate = 0.25f;

    /// <summary>Compiles and runs the step.</summary>
    /// <param name="client">The client.</param>
    /// <returns>The plugin, its devices and their memory.</returns>
    /// <exception cref="PjrtException">
    /// The plugin refuses or fails, or its numbers are wrong (<see cref="PjrtErrorCode.DataLoss"/>).
    /// </exception>
    public static PjrtDeviceReport Run(PjrtClient client)
    {
        using var program = PjrtProgram.Compile(client, Step());
        using var session = new PjrtSession(program);
        session.SetState("weights", new HostTensor(new Shape(Columns, 1), new float[Columns]));

        // Only powers of two, so that every device's arithmetic gives exactly these numbers, even in bfloat16 products.
        var ones = Enumerable.Repeat(1f, Rows * Columns).ToArray();
        var outputs = session.Step(
            new Dictionary<string, HostTensor> { ["rows"] = new(new Shape(Rows, Columns), ones) });
        Expect("the loss", outputs["loss"].Floats, Rows);
        Expect("the new weights", session.GetState("weights").Floats, Rate * Rows);
        return new PjrtDeviceReport(
            client.Plugin.Origin, client.Plugin.ApiVersion, client.Plugin.StableHloVersion, client.PlatformName,
            client.PlatformVersion, [.. client.AddressableDevices.Select(device => device.Kind)],
            program.Executable.Executable.ReadMemory(), client.AddressableDevices[0].ReadMemory());
    }

    /// <summary>
    /// Builds the step: weights w [C, 1], rows x [R, C], loss = sum((x w - 1)²), w' = w - rate · xᵀ(x w - 1).
    /// </summary>
    internal static Graph Step()
    {
        var graph = new Graph();
        var weights = graph.State("weights", new Shape(Columns, 1));
        var rows = graph.Input("rows", new Shape(Rows, Columns));
        var error = graph.Subtract(graph.MatMul(rows, weights), graph.Splat(new Shape(Rows, 1), 1));
        graph.Output("loss", graph.Reshape(graph.ReduceSum(graph.Multiply(error, error), 0, 1), new Shape(1)));
        var gradient = graph.MatMul(rows, error, transposeLeft: true);
        graph.Update(weights, graph.Subtract(weights, graph.Scale(gradient, Rate)));
        return graph;
    }

    private static void Expect(string what, float[] values, float wanted)
    {
        if (Array.Exists(values, value => value != wanted))
        {
            throw new PjrtException(
                PjrtErrorCode.DataLoss, "SmokeTest",
                $"{what} of the first step are {string.Join(", ", values)}, wanted {wanted}: the device miscomputes");
        }
    }
}
