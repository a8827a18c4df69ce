using System.Security.Cryptography;
using System.Text;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.StableHlo;

/// <summary>An argument or a result of a module's function <c>main</c>.</summary>
/// <param name="Name">Name of the graph's input or output.</param>
/// <param name="DType">Element type.</param>
/// <param name="Shape">Shape; row-major.</param>
/// <param name="Alias">
/// For a state's argument the number of the result that takes its memory; for that result the number of the argument.
/// </param>
public sealed record StableHloValue(string Name, DType DType, Shape Shape, int? Alias)
{
    /// <summary>Gets the size in memory, in bytes.</summary>
    public long Bytes => Shape.ElementCount * DType.Bytes();
}

/// <summary>
/// A graph as StableHLO text in the generic form, which has one grammar for all operations and is what plugins of every
/// version read (OpenXLA, StableHLO specification). Composites are spelled in primitives; the compiler fuses them.
/// </summary>
public sealed class StableHloModule
{
    private StableHloModule(
        string text, IReadOnlyList<StableHloValue> arguments, IReadOnlyList<StableHloValue> outputs)
    {
        (Text, Arguments, Outputs) = (text, arguments, outputs);
        Hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>Gets the text, one module with a public function <c>main</c>.</summary>
    public string Text { get; }

    /// <summary>Gets the SHA-256 of the text in lower-case hexadecimal, which names the program in caches.</summary>
    public string Hash { get; }

    /// <summary>
    /// Gets the arguments in their order: the graph's inputs that an output depends on, and all states with an update.
    /// </summary>
    public IReadOnlyList<StableHloValue> Arguments { get; }

    /// <summary>Gets the results in their order: the graph's outputs.</summary>
    public IReadOnlyList<StableHloValue> Outputs { get; }

    /// <summary>Gets the bytes of all arguments.</summary>
    public long ArgumentBytes => Arguments.Sum(argument => argument.Bytes);

    /// <summary>Gets the bytes of the arguments whose memory results take.</summary>
    public long DonatedBytes => Arguments.Where(argument => argument.Alias is not null).Sum(argument => argument.Bytes);

    /// <summary>Spells a graph.</summary>
    /// <param name="graph">The graph, with its outputs named.</param>
    /// <param name="name">Name of the module: letters, digits and underscores.</param>
    /// <returns>The module; equal graphs give equal texts.</returns>
    /// <exception cref="TensorShapeException">The graph has no output, or the name other characters.</exception>
    public static StableHloModule Lower(Graph graph, string name = "program")
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
            primitives.Updates.TryGetValue(input, out var output) ? places[output] : null))];
        var aliases = new Dictionary<int, int>();
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i].Alias is { } output)
            {
                aliases.Add(output, i);
            }
        }

        StableHloValue[] outputs = [.. primitives.Outputs.Select((output, i) => new StableHloValue(
            output.Key, output.Value.DType, output.Value.Shape, aliases.TryGetValue(i, out var from) ? from : null))];
        return new StableHloModule(Write(primitives, name, arguments, outputs), arguments, outputs);
    }

    private static string Write(
        Graph graph, string name, StableHloValue[] arguments, StableHloValue[] outputs)
    {
        var writer = new StableHloWriter();
        string[] names = [.. arguments.Select((_, i) => $"%arg{i}")];
        var parameters = arguments.Select((argument, i) =>
            $"{names[i]}: {StableHloWriter.TypeOf(argument.DType, argument.Shape)}"
            + (argument.Alias is { } output ? $" {{tf.aliasing_output = {output} : i32}}" : string.Empty));
        var results = outputs.Select(output => StableHloWriter.TypeOf(output.DType, output.Shape));
        writer.Line(
            $"module @{name} attributes {{mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32}} {{");
        writer.Line($"func.func public @main({string.Join(", ", parameters)}) -> ({string.Join(", ", results)}) {{");
        var values = StableHloLowering.Write(writer, graph, GraphCopy.Live(graph), names);
        var returned = graph.Outputs.Select(output => values[output.Value.Index]).ToArray();
        writer.Line($"\"func.return\"({string.Join(", ", returned)}) : ({string.Join(", ", results)}) -> ()");
        writer.Line("}");
        writer.Line("}");
        return writer.ToString();
    }
}
