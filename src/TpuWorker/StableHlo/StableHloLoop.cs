using Workflows.TpuWorker.Tensors;
using static Workflows.TpuWorker.StableHlo.StableHloWriter;

namespace Workflows.TpuWorker.StableHlo;

/// <summary>
/// Writes a loop as <c>while</c>: a counter, the carried values, a buffer for each value that is kept from every round,
/// and the operands that the rounds read, which are passed on unchanged.
/// </summary>
internal static class StableHloLoop
{
    private static readonly string Scalar = TypeOf(DType.Int32, Shape.Scalar);

    /// <summary>Writes a loop.</summary>
    /// <param name="c">The loop and its operands' values.</param>
    /// <param name="used">The results that are used.</param>
    /// <returns>The name of each of those.</returns>
    public static Dictionary<int, string> Write(StableHloCall c, IReadOnlyCollection<int> used)
    {
        var (loop, writer) = (c.Attributes.Loop!, c.Writer);
        var body = loop.Body;
        int[] kept = [.. used.Where(result => result >= loop.CarriedCount)];
        var live = GraphCopy.Live(body, output => output < loop.CarriedCount || kept.Contains(output));

        var passed = new List<(string Value, string Type)>
        {
            (Number(writer, 0), Scalar),
        };
        int[] carried = [.. Operands(loop, kind => kind == ScanOperand.Carried)];
        int[] read = [.. Operands(loop, kind => kind != ScanOperand.Carried)
            .Where(i => live[body.Inputs[i + 1].Index])];
        passed.AddRange(carried.Select(i => c[i]));
        foreach (var result in kept)
        {
            var node = body.Outputs[result].Value;
            var stacked = loop.Stacked(node.Shape);
            passed.Add((writer.Splat(node.DType, stacked, 0), TypeOf(node.DType, stacked)));
        }

        passed.AddRange(read.Select(i => c[i]));
        var types = string.Join(", ", passed.Select(value => value.Type));
        var name = writer.NewName();
        var initial = string.Join(", ", passed.Select(value => value.Value));
        writer.Line($"{name}:{passed.Count} = \"stablehlo.while\"({initial}) ({{");
        WriteCondition(writer, loop, passed);
        writer.Line("}, {");
        WriteRound(c, passed, carried, kept, read, live);
        writer.Line($"}}) : ({types}) -> ({types})");

        var results = new Dictionary<int, string>();
        foreach (var result in used)
        {
            var place = result < loop.CarriedCount
                ? 1 + result
                : 1 + carried.Length + Array.IndexOf(kept, result);
            results.Add(result, $"{name}#{place}");
        }

        return results;
    }

    private static string Number(StableHloWriter writer, int value) =>
        writer.Splat(DType.Int32, Shape.Scalar, value);

    private static IEnumerable<int> Operands(ScanLoop loop, Func<ScanOperand, bool> which) =>
        Enumerable.Range(0, loop.Kinds.Count).Where(i => which(loop.Kinds[i]));

    private static string[] Block(StableHloWriter writer, IReadOnlyList<(string Value, string Type)> passed)
    {
        string[] names = [.. passed.Select(_ => writer.NewName())];
        writer.Line($"^bb0({string.Join(", ", names.Zip(passed, (name, value) => $"{name}: {value.Type}"))}):");
        return names;
    }

    private static void WriteCondition(
        StableHloWriter writer, ScanLoop loop, IReadOnlyList<(string Value, string Type)> passed)
    {
        var names = Block(writer, passed);
        var limit = Number(writer, loop.Count);
        var truth = TypeOf(DType.Bool, Shape.Scalar);
        var goesOn = writer.Emit(
            "compare", [(names[0], Scalar), (limit, Scalar)], truth,
            "compare_type = #stablehlo<comparison_type SIGNED>, "
            + "comparison_direction = #stablehlo<comparison_direction LT>");
        writer.Line($"\"stablehlo.return\"({goesOn}) : ({truth}) -> ()");
    }

    private static void WriteRound(
        StableHloCall c, List<(string Value, string Type)> passed, int[] carried, int[] kept, int[] read, bool[] live)
    {
        var (loop, writer) = (c.Attributes.Loop!, c.Writer);
        var body = loop.Body;
        var names = Block(writer, passed);
        var at = loop.Reverse
            ? writer.Emit("subtract", [(Number(writer, loop.Count - 1), Scalar), (names[0], Scalar)], Scalar)
            : names[0];
        var zero = Number(writer, 0);
        var inputs = new string[body.Inputs.Count];
        inputs[0] = at;
        for (var k = 0; k < carried.Length; k++)
        {
            inputs[carried[k] + 1] = names[1 + k];
        }

        for (var k = 0; k < read.Length; k++)
        {
            var (place, input) = (1 + carried.Length + kept.Length + k, body.Inputs[read[k] + 1]);
            inputs[read[k] + 1] = loop.Kinds[read[k]] == ScanOperand.Shared
                ? names[place]
                : SliceOf(writer, (names[place], passed[place].Type), input, at, zero);
        }

        var values = StableHloLowering.Write(writer, body, live, inputs);
        var one = Number(writer, 1);
        var next = new List<string> { writer.Emit("add", [(names[0], Scalar), (one, Scalar)], Scalar) };
        next.AddRange(Enumerable.Range(0, carried.Length).Select(k => values[body.Outputs[k].Value.Index]));
        for (var k = 0; k < kept.Length; k++)
        {
            var (place, node) = (1 + carried.Length + k, body.Outputs[kept[k]].Value);
            var slice = TypeOf(node.DType, new Shape([1, .. node.Shape.Dimensions]));
            var value = writer.Emit("reshape", [(values[node.Index], TypeOf(node))], slice);
            next.Add(writer.Emit(
                "dynamic_update_slice",
                [(names[place], passed[place].Type), (value, slice), .. Starts(node.Shape.Rank, at, zero)],
                passed[place].Type));
        }

        next.AddRange(names[(1 + carried.Length + kept.Length)..]);
        var types = string.Join(", ", passed.Select(value => value.Type));
        writer.Line($"\"stablehlo.return\"({string.Join(", ", next)}) : ({types}) -> ()");
    }

    private static string SliceOf(
        StableHloWriter writer, (string Value, string Type) stacked, Node input, string at, string zero)
    {
        int[] sizes = [1, .. input.Shape.Dimensions];
        var slice = TypeOf(input.DType, new Shape(sizes));
        var value = writer.Emit(
            "dynamic_slice", [stacked, .. Starts(input.Shape.Rank, at, zero)], slice, $"slice_sizes = {Longs(sizes)}");
        return writer.Emit("reshape", [(value, slice)], TypeOf(input));
    }

    private static IEnumerable<(string Value, string Type)> Starts(int rank, string at, string zero) =>
        Enumerable.Repeat((zero, Scalar), rank).Prepend((at, Scalar));
}
