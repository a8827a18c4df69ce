namespace Workflows.TpuWorker.Tensors;

/// <summary>Interprets whole numbers, choices, indices and loops.</summary>
internal static partial class Interpreter
{
    private static double[] Arithmetic(
        Node node, double[][] x, Func<double, double, double> real, Func<long, long, long> whole) => node.DType switch
        {
            DType.Int32 => Binary(node, x, (a, b) => unchecked((int)whole((long)a, (long)b))),
            DType.UInt32 => Binary(node, x, (a, b) => unchecked((uint)whole((long)a, (long)b))),
            _ => Binary(node, x, real),
        };

    private static double[] Bits(Node node, double[][] x, Func<uint, uint, uint> combine) =>
        Binary(node, x, (a, b) => combine((uint)a, (uint)b));

    /// <summary>Converts: real to whole numbers drops the fraction, and whole numbers wrap around.</summary>
    private static double[] Convert(Node node, double[] x) => node.DType switch
    {
        DType.Int32 => Array.ConvertAll(x, value => (double)unchecked((int)(long)value)),
        DType.UInt32 => Array.ConvertAll(x, value => (double)unchecked((uint)(long)value)),
        _ => x,
    };

    private static double[] Iota(Node node)
    {
        var result = new double[node.Shape.Count];
        var index = new int[node.Shape.Rank];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = index[node.Attributes.Axis];
            Advance(index, node.Shape);
        }

        return result;
    }

    private static Func<double, double, double> Comparer(Comparison comparison) => comparison switch
    {
        Comparison.Equal => static (a, b) => a == b ? 1 : 0,
        Comparison.NotEqual => static (a, b) => a != b ? 1 : 0,
        Comparison.Less => static (a, b) => a < b ? 1 : 0,
        Comparison.LessOrEqual => static (a, b) => a <= b ? 1 : 0,
        Comparison.Greater => static (a, b) => a > b ? 1 : 0,
        _ => static (a, b) => a >= b ? 1 : 0,
    };

    private static double[] Select(Node node, double[][] x)
    {
        int[][] strides = [.. node.Operands.Select(operand => BroadcastStrides(operand.Shape, node.Shape))];
        var result = new double[node.Shape.Count];
        var index = new int[node.Shape.Rank];
        for (var i = 0; i < result.Length; i++)
        {
            var chosen = x[0][Offset(index, strides[0])] != 0 ? 1 : 2;
            result[i] = x[chosen][Offset(index, strides[chosen])];
            Advance(index, node.Shape);
        }

        return result;
    }

    private static double[] ReduceMax(Node node, double[] x)
    {
        var result = Filled(node.Shape.Count, double.NegativeInfinity);
        var strides = BroadcastStrides(node.Shape, node.Operands[0].Shape);
        var index = new int[node.Operands[0].Shape.Rank];
        foreach (var value in x)
        {
            var at = Offset(index, strides);
            result[at] = Math.Max(result[at], value);
            Advance(index, node.Operands[0].Shape);
        }

        return result;
    }

    private static double[] Largest(Node node, double[] x, int count)
    {
        var width = node.Operands[0].Shape[^1];
        var result = new List<double>(node.Shape.Count);
        for (var row = 0; row < x.Length; row += width)
        {
            var values = x.AsSpan(row, width).ToArray();
            result.AddRange(Enumerable.Range(0, width).OrderByDescending(i => values[i]).Take(count)
                .Select(i => (double)i));
        }

        return [.. result];
    }

    private static double[] DynamicSlice(Node node, double[] x, double[] start)
    {
        var shape = node.Operands[0].Shape;
        return CopyAxis(node, x, shape, Start(node, start, node.Attributes.Length), 0, node.Attributes.Length);
    }

    private static double[] DynamicUpdateSlice(Node node, double[] x, double[] update, double[] start)
    {
        var (shape, axis) = (node.Operands[1].Shape, node.Attributes.Axis);
        var first = Start(node, start, shape[axis]);
        var result = (double[])x.Clone();
        var index = new int[shape.Rank];
        var strides = node.Shape.Strides();
        foreach (var value in update)
        {
            result[Offset(index, strides) + (first * strides[axis])] = value;
            Advance(index, shape);
        }

        return result;
    }

    /// <summary>Refuses a range that does not fit, which accelerators would move.</summary>
    private static int Start(Node node, double[] start, int length)
    {
        var size = node.Operands[0].Shape[node.Attributes.Axis];
        return start[0] >= 0 && start[0] + length <= size
            ? (int)start[0]
            : throw new TensorShapeException($"{node.Op}", "start", $"{start[0]}", $"0 to {size - length}");
    }

    private static Dictionary<int, double[]> Loop(Node node, double[][] x, SortedSet<int> used)
    {
        var loop = node.Attributes.Loop!;
        var (body, carriedCount) = (loop.Body, loop.CarriedCount);
        var live = GraphCopy.Live(body, output => output < carriedCount || used.Contains(output));
        var results = used.Where(result => result >= carriedCount).ToDictionary(
            result => result, result => new double[loop.Count * body.Outputs[result].Value.Shape.Count]);
        double[][] carried = [.. x.Where((_, i) => loop.Kinds[i] == ScanOperand.Carried)];
        for (var round = 0; round < loop.Count; round++)
        {
            var at = loop.Reverse ? loop.Count - 1 - round : round;
            var given = new Dictionary<Node, double[]> { [body.Inputs[0]] = [at] };
            var next = 0;
            for (var i = 0; i < x.Length; i++)
            {
                var input = body.Inputs[i + 1];
                var size = input.Shape.Count;
                given[input] = loop.Kinds[i] switch
                {
                    ScanOperand.Carried => carried[next++],
                    ScanOperand.Sliced => x[i][(at * size)..((at + 1) * size)],
                    _ => x[i],
                };
            }

            var values = Values(body, live, input => given[input]);
            carried = [.. body.Outputs.Take(carriedCount).Select(output => values[output.Value.Index])];
            foreach (var (result, stacked) in results)
            {
                var value = values[body.Outputs[result].Value.Index];
                value.CopyTo(stacked, at * value.Length);
            }
        }

        foreach (var result in used.Where(result => result < carriedCount))
        {
            results[result] = carried[result];
        }

        return results;
    }
}
