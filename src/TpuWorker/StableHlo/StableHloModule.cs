using System.Security.Cryptography;
using System.Text;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.StableHlo;

/// <summary>An argument or a result of a module's function <c>main</c>.</summary>
/// <param name="Name">Name of the graph's input or output.</param>
/// <param name="DType">Element type.</param>
/// <param name="Shape">Shape; row-major.</param>
/// <param name="Alias">
/// For a state's argument the number of the result that reuses its memory; for that result the number of the argument.
/// </param>
public sealed record StableHloValue(string Name, DType DType, Shape Shape, int? Alias)
{
    /// <summary>Gets the axis that is split over the devices; null if each device has the whole value.</summary>
    public int? SplitAxis { get; init; }

    /// <summary>Gets the size in memory, in bytes.</summary>
    public long Bytes => Shape.ElementCount * DType.Bytes();
}

/// <summary>
/// The partition of a program over devices: the axis of each argument and result that is split into as many equal
/// parts. The compiler splits everything in between and inserts the exchanges (Shardy).
/// </summary>
/// <param name="Devices">Devices, 2 or more.</param>
/// <param name="AxisOf">
/// Returns the axis of an argument or result by its name and shape; null to replicate it on each device.
/// </param>
public sealed record StableHloPartition(int Devices, Func<string, Shape, int?> AxisOf);

/// <summary>
/// A graph as StableHLO text in the generic form, which has one grammar for all operations and is read by plugins of
/// every version (OpenXLA, StableHLO specification). Composites are decomposed into primitives; the compiler fuses
/// them.
/// </summary>
public sealed class StableHloModule
{
    private const string MeshAxis = "chips";

    private StableHloModule(
        string text, int devices, IReadOnlyList<StableHloValue> arguments, IReadOnlyList<StableHloValue> outputs)
    {
        (Text, Devices, Arguments, Outputs) = (text, devices, arguments, outputs);
        Hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>Gets the text, one module with a public function <c>main</c>.</summary>
    public string Text { get; }

    /// <summary>Gets the SHA-256 of the text in lower-case hexadecimal, which names the program in caches.</summary>
    public string Hash { get; }

    /// <summary>Gets the number of devices over which the program is split.</summary>
    public int Devices { get; }

    /// <summary>
    /// Gets the arguments in their order: the graph's inputs on which an output depends, and all states with an update.
    /// </summary>
    public IReadOnlyList<StableHloValue> Arguments { get; }

    /// <summary>Gets the results in their order: the graph's outputs.</summary>
    public IReadOnlyList<StableHloValue> Outputs { get; }

    /// <summary>Gets the bytes of all arguments.</summary>
    public long ArgumentBytes => Arguments.Sum(argument => argument.Bytes);

    /// <summary>Gets the bytes of the arguments whose memory results reuse.</summary>
    public long DonatedBytes => Arguments.Where(argument => argument.Alias is not null).Sum(argument => argument.Bytes);

    /// <summary>Gets the bytes of <see cref="DonatedBytes"/> that each device holds.</summary>
    public long DonatedBytesPerDevice => Arguments.Where(argument => argument.Alias is not null)
        .Sum(argument => argument.SplitAxis is null ? argument.Bytes : argument.Bytes / Devices);

    /// <summary>Lowers a graph.</summary>
    /// <param name="graph">The graph, with its outputs named.</param>
    /// <param name="name">Name of the module: letters, digits and underscores.</param>
    /// <param name="partition">The partition of the program over devices; null for one device.</param>
    /// <returns>The module; equal graphs give equal texts.</returns>
    /// <exception cref="TensorShapeException">
    /// The graph has no output, the name has other characters, or an axis cannot be split.
    /// </exception>
    public static StableHloModule Lower(Graph graph, string name = "program", StableHloPartition? partition = null)
    {
        if (graph.Outputs.Count == 0)
        {
            throw new TensorShapeException("StableHLO", "outputs", "none", "1 or more");
        }

        if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_'))
        {
            throw new TensorShapeException("StableHLO", "module name", $"'{name}'", "letters, digits and underscores");
        }

        var primitives = GraphCopy.ToPrimitives(graph);
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < primitives.Outputs.Count; i++)
        {
            places.Add(primitives.Outputs[i].Key, i);
        }

        StableHloValue[] arguments = [.. primitives.Inputs.Select(input => new StableHloValue(
            input.Attributes.Name!, input.DType, input.Shape,
            primitives.Updates.TryGetValue(input, out var output) ? places[output] : null)
        {
            SplitAxis = SplitAxis(partition, input.Attributes.Name!, input.Shape),
        })];
        var aliases = new Dictionary<int, int>();
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i].Alias is { } output)
            {
                aliases.Add(output, i);
            }
        }

        StableHloValue[] outputs = [.. primitives.Outputs.Select((output, i) => new StableHloValue(
            output.Key, output.Value.DType, output.Value.Shape, aliases.TryGetValue(i, out var from) ? from : null)
        {
            // A result that reuses an argument's memory is split as that argument is.
            SplitAxis = aliases.TryGetValue(i, out var argument)
                ? arguments[argument].SplitAxis
                : SplitAxis(partition, output.Key, output.Value.Shape),
        })];
        var devices = partition?.Devices ?? 1;
        return new StableHloModule(
            Write(primitives, name, devices, arguments, outputs), devices, arguments, outputs);
    }

    private static int? SplitAxis(StableHloPartition? partition, string name, Shape shape)
    {
        if (partition?.AxisOf(name, shape) is not { } axis)
        {
            return null;
        }

        return axis >= 0 && axis < shape.Rank && shape[axis] % partition.Devices == 0
            ? axis
            : throw new TensorShapeException(
                "StableHLO", $"axis {axis} of '{name}'", $"{shape}", $"an axis that {partition.Devices} divides");
    }

    /// <summary>Returns the attributes of an argument or a result; none for one device without aliases.</summary>
    private static string AttributesOf(StableHloValue value, int devices, bool isArgument)
    {
        var attributes = new List<string>();
        if (isArgument && value.Alias is { } output)
        {
            attributes.Add($"tf.aliasing_output = {output} : i32");
        }

        if (devices > 1)
        {
            var axes = Enumerable.Range(0, value.Shape.Rank)
                .Select(axis => axis == value.SplitAxis ? $"{{\"{MeshAxis}\"}}" : "{}");
            attributes.Add($"sdy.sharding = #sdy.sharding<@mesh, [{string.Join(", ", axes)}]>");
        }

        return attributes.Count == 0 ? string.Empty : $" {{{string.Join(", ", attributes)}}}";
    }

    private static string Write(
        Graph graph, string name, int devices, StableHloValue[] arguments, StableHloValue[] outputs)
    {
        var writer = new StableHloWriter();
        string[] names = [.. arguments.Select((_, i) => $"%arg{i}")];
        var parameters = arguments.Select((argument, i) =>
            $"{names[i]}: {StableHloWriter.TypeOf(argument.DType, argument.Shape)}"
            + AttributesOf(argument, devices, isArgument: true));
        var results = outputs.Select(output => StableHloWriter.TypeOf(output.DType, output.Shape));
        var declared = outputs.Select(output => StableHloWriter.TypeOf(output.DType, output.Shape)
            + AttributesOf(output, devices, isArgument: false));
        writer.Line(
            $"module @{name} attributes {{mhlo.num_partitions = {devices} : i32, mhlo.num_replicas = 1 : i32}} {{");
        if (devices > 1)
        {
            writer.Line($"sdy.mesh @mesh = <[\"{MeshAxis}\"={devices}]>");
        }

        writer.Line($"func.func public @main({string.Join(", ", parameters)}) -> ({string.Join(", ", declared)}) {{");
        var values = StableHloLowering.Write(writer, graph, GraphCopy.Live(graph), names);
        var returned = graph.Outputs.Select(output => values[output.Value.Index]).ToArray();
        writer.Line($"\"func.return\"({string.Join(", ", returned)}) : ({string.Join(", ", results)}) -> ()");
        writer.Line("}");
        writer.Line("}");
        return writer.ToString();
    }
}
