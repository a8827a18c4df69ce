namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// Runs a graph with plain loops in double precision. It is deliberately slow and simple: the numeric reference with
/// which tests compare targets and gradients. Values stored as bfloat16 are rounded to it at every node.
/// </summary>
internal static partial class Interpreter
{
    /// <summary>Runs with tensors of the declared types; results are rounded to the outputs' types.</summary>
    public static Dictionary<string, HostTensor> Run(Graph graph, IReadOnlyDictionary<string, HostTensor> inputs) =>
        Run(graph, inputs.ToDictionary(input => input.Key, input => Widen(input.Value))).ToDictionary(
            output => output.Key,
            output => Narrow(graph.Outputs.First(named => named.Key == output.Key).Value, output.Value));

    /// <summary>Runs in double precision throughout, as finite differences require.</summary>
    public static Dictionary<string, double[]> Run(Graph graph, IReadOnlyDictionary<string, double[]> inputs)
    {
        var values = Values(graph, GraphCopy.Live(graph), node => Given(node, inputs));
        return graph.Outputs.ToDictionary(output => output.Key, output => values[output.Value.Index]);
    }

    public static double[] Widen(HostTensor tensor) => tensor.DType switch
    {
        DType.Float32 => Array.ConvertAll(tensor.Floats, value => (double)value),
        DType.Int32 => Array.ConvertAll(tensor.Ints, value => (double)value),
        DType.BFloat16 => Array.ConvertAll(tensor.BFloat16Bits, bits => (double)DTypes.FromBFloat16Bits(bits)),
        DType.UInt32 => Array.ConvertAll(tensor.UInts, value => (double)value),
        _ => Array.ConvertAll(tensor.Bools, value => value ? 1.0 : 0),
    };

    private static HostTensor Narrow(Node node, double[] values) => node.DType switch
    {
        DType.Float32 => new HostTensor(node.Shape, Array.ConvertAll(values, value => (float)value)),
        DType.Int32 => new HostTensor(node.Shape, Array.ConvertAll(values, value => (int)value)),
        DType.BFloat16 => HostTensor.OfBFloat16(
            node.Shape, Array.ConvertAll(values, value => DTypes.ToBFloat16Bits((float)value))),
        DType.UInt32 => HostTensor.OfUInt32(node.Shape, Array.ConvertAll(values, value => (uint)value)),
        _ => HostTensor.OfBool(node.Shape, Array.ConvertAll(values, value => value != 0)),
    };

    private static double[][] Values(Graph graph, bool[] live, Func<Node, double[]> given)
    {
        var values = new double[graph.Nodes.Count][];
        var loops = new Dictionary<int, Dictionary<int, double[]>>();
        var used = GraphCopy.UsedResults(graph, live);
        foreach (var node in graph.Nodes.Where(node => live[node.Index]))
        {
            double[][] x = [.. node.Operands.Select(operand => values[operand.Index])];
            if (node.Op == OpCode.Scan)
            {
                loops[node.Index] = Loop(node, x, used.TryGetValue(node.Index, out var results) ? results : []);
                values[node.Index] = [0];
                continue;
            }

            var value = node.Op switch
            {
                OpCode.Input => given(node),
                OpCode.ScanResult => loops[node.Operands[0].Index][node.Attributes.Start],
                _ => Evaluate(node, x),
            };
            values[node.Index] = node.DType == DType.BFloat16
                ? Array.ConvertAll(value, number => (double)DTypes.RoundToBFloat16((float)number))
                : value;
        }

        return values;
    }

    private static double[] Given(Node node, IReadOnlyDictionary<string, double[]> inputs)
    {
        var name = node.Attributes.Name!;
        if (!inputs.TryGetValue(name, out var value) || value.Length != node.Shape.Count)
        {
            throw new TensorShapeException(
                "Run", $"input '{name}'", value is null ? "missing" : $"{value.Length} elements", $"{node.Shape}");
        }

        return value;
    }

    private static double[] Evaluate(Node node, double[][] x) => node.Op switch
    {
        OpCode.Constant => Widen(node.Attributes.Value!),
        OpCode.Splat => Filled(node.Shape.Count, node.Attributes.Scalar),
        OpCode.Add => Arithmetic(node, x, static (a, b) => a + b, static (a, b) => a + b),
        OpCode.Subtract => Arithmetic(node, x, static (a, b) => a - b, static (a, b) => a - b),
        OpCode.Multiply => Arithmetic(node, x, static (a, b) => a * b, static (a, b) => a * b),
        OpCode.Divide => Binary(node, x, static (a, b) => a / b),
        OpCode.Negate => Array.ConvertAll(x[0], static a => -a),
        OpCode.Exp => Array.ConvertAll(x[0], Math.Exp),
        OpCode.Log => Array.ConvertAll(x[0], Math.Log),
        OpCode.Sqrt => Array.ConvertAll(x[0], Math.Sqrt),
        OpCode.Tanh => Array.ConvertAll(x[0], Math.Tanh),
        OpCode.Scale => Scaled(x[0], node.Attributes.Scalar),
        OpCode.MatMul => MatMul(node, x[0], x[1]),
        OpCode.Reshape => x[0],
        OpCode.Transpose => Transpose(node, x[0]),
        OpCode.Slice => CopyAxis(node, x[0], node.Operands[0].Shape, node.Attributes.Start, 0, node.Attributes.Length),
        OpCode.Pad => Pad(node, x[0]),
        OpCode.Concat => Concat(node, x),
        OpCode.ReduceSum => ReduceSum(node, x[0]),
        OpCode.BroadcastTo => Binary(node, [x[0], [0]], static (a, _) => a),
        OpCode.Gather => InterpreterKernels.Gather(node, x[0], x[1]),
        OpCode.ScatterAdd => InterpreterKernels.ScatterAdd(node, x[0], x[1], x[2]),
        OpCode.Softmax => InterpreterKernels.Softmax(node, x[0]),
        OpCode.SoftmaxGradient => InterpreterKernels.SoftmaxGradient(node, x[0], x[1]),
        OpCode.RmsNorm => InterpreterKernels.RmsNorm(node, x[0], x[1]),
        OpCode.RmsNormGradient => InterpreterKernels.RmsNormGradient(node, x[0], x[1], x[2]),
        OpCode.RmsNormScaleGradient => InterpreterKernels.RmsNormScaleGradient(node, x[0], x[1]),
        OpCode.GeluTanh => Array.ConvertAll(x[0], InterpreterKernels.Gelu),
        OpCode.GeluTanhGradient => InterpreterKernels.GeluGradient(x[0], x[1]),
        OpCode.Rope => InterpreterKernels.Rope(node, x[0], x[1], x[2]),
        OpCode.CrossEntropy => InterpreterKernels.CrossEntropy(node, x[0], x[1]),
        OpCode.CrossEntropyGradient => InterpreterKernels.CrossEntropyGradient(node, x[0], x[1], x[2]),
        OpCode.Dropout => InterpreterKernels.Dropout(node, x[0], x[1]),
        OpCode.Sine => Array.ConvertAll(x[0], Math.Sin),
        OpCode.Cosine => Array.ConvertAll(x[0], Math.Cos),
        OpCode.Convert => Convert(node, x[0]),
        OpCode.Iota => Iota(node),
        OpCode.Compare => Binary(node, x, Comparer(node.Attributes.Comparison)),
        OpCode.Select => Select(node, x),
        OpCode.And => Bits(node, x, static (a, b) => a & b),
        OpCode.Xor => Bits(node, x, static (a, b) => a ^ b),
        OpCode.ShiftRight => Bits(node, x, static (a, b) => a >> (int)b),
        OpCode.Maximum => Binary(node, x, Math.Max),
        OpCode.Minimum => Binary(node, x, Math.Min),
        OpCode.ReduceMax => ReduceMax(node, x[0]),
        OpCode.ArgMax => Largest(node, x[0], 1),
        OpCode.TopK => Largest(node, x[0], node.Attributes.Length),
        OpCode.DynamicSlice => DynamicSlice(node, x[0], x[1]),
        OpCode.DynamicUpdateSlice => DynamicUpdateSlice(node, x[0], x[1], x[2]),
        OpCode.Barrier => x[0],
        _ => throw new TensorShapeException($"{node.Op}", "operation", "unknown", "a row of the op table"),
    };

    private static double[] Filled(int count, double value)
    {
        var result = new double[count];
        Array.Fill(result, value);
        return result;
    }

    private static double[] Scaled(double[] values, double factor) => Array.ConvertAll(values, value => value * factor);

    private static double[] Binary(Node node, double[][] x, Func<double, double, double> combine)
    {
        var right = node.Operands.Count > 1 ? node.Operands[1].Shape : Shape.Scalar;
        var left = BroadcastStrides(node.Operands[0].Shape, node.Shape);
        var rightStrides = BroadcastStrides(right, node.Shape);
        var result = new double[node.Shape.Count];
        var index = new int[node.Shape.Rank];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = combine(x[0][Offset(index, left)], x[1][Offset(index, rightStrides)]);
            Advance(index, node.Shape);
        }

        return result;
    }

    private static double[] MatMul(Node node, double[] a, double[] b)
    {
        var at = node.Attributes;
        var (left, right) = (node.Operands[0].Shape, node.Operands[1].Shape);
        var (rows, columns) = (node.Shape[^2], node.Shape[^1]);
        var inner = at.TransposeLeft ? left[^2] : left[^1];
        var (rowA, innerA) = at.TransposeLeft ? (1, rows) : (inner, 1);
        var (innerB, columnB) = at.TransposeRight ? (1, inner) : (columns, 1);
        var result = new double[node.Shape.Count];
        for (var batch = 0; batch < result.Length / Math.Max(1, rows * columns); batch++)
        {
            var (fromA, fromB) = (batch * left[^1] * left[^2], batch * right[^1] * right[^2]);
            for (var i = 0; i < rows; i++)
            {
                for (var j = 0; j < columns; j++)
                {
                    var sum = 0.0;
                    for (var k = 0; k < inner; k++)
                    {
                        sum += a[fromA + (i * rowA) + (k * innerA)] * b[fromB + (k * innerB) + (j * columnB)];
                    }

                    result[(((batch * rows) + i) * columns) + j] = sum * at.Scalar;
                }
            }
        }

        return result;
    }

    private static double[] Transpose(Node node, double[] x)
    {
        var from = node.Operands[0].Shape.Strides();
        var strides = node.Attributes.Axes.Select(axis => from[axis]).ToArray();
        var result = new double[x.Length];
        var index = new int[node.Shape.Rank];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = x[Offset(index, strides)];
            Advance(index, node.Shape);
        }

        return result;
    }

    private static double[] Pad(Node node, double[] x)
    {
        var shape = node.Operands[0].Shape;
        return CopyAxis(node, x, shape, 0, node.Attributes.Start, shape[node.Attributes.Axis]);
    }

    private static double[] Concat(Node node, double[][] x)
    {
        var result = new double[node.Shape.Count];
        var start = 0;
        for (var i = 0; i < x.Length; i++)
        {
            var shape = node.Operands[i].Shape;
            var length = shape[node.Attributes.Axis];
            var part = CopyAxis(node, x[i], shape, 0, start, length);
            for (var k = 0; k < part.Length; k++)
            {
                result[k] += part[k];
            }

            start += length;
        }

        return result;
    }

    /// <summary>Copies a range of the node's axis into zeros of the node's shape.</summary>
    private static double[] CopyAxis(Node node, double[] x, Shape from, int read, int write, int length)
    {
        var axis = node.Attributes.Axis;
        var block = from.Strides()[axis];
        var result = new double[node.Shape.Count];
        var outer = result.Length / Math.Max(1, block * node.Shape[axis]);
        for (var i = 0; i < outer; i++)
        {
            Array.Copy(
                x, ((i * from[axis]) + read) * block,
                result, ((i * node.Shape[axis]) + write) * block,
                length * block);
        }

        return result;
    }

    private static double[] ReduceSum(Node node, double[] x)
    {
        var result = new double[node.Shape.Count];
        var strides = BroadcastStrides(node.Shape, node.Operands[0].Shape);
        var index = new int[node.Shape.Rank];
        foreach (var value in x)
        {
            result[Offset(index, strides)] += value;
            Advance(index, node.Operands[0].Shape);
        }

        return result;
    }

    /// <summary>Returns strides of <paramref name="shape"/> broadcast to <paramref name="target"/>: 0 along repeated
    /// axes.</summary>
    private static int[] BroadcastStrides(Shape shape, Shape target)
    {
        var own = shape.Strides();
        var result = new int[target.Rank];
        for (var i = 1; i <= shape.Rank; i++)
        {
            result[^i] = shape[^i] == 1 ? 0 : own[^i];
        }

        return result;
    }

    private static int Offset(int[] index, int[] strides)
    {
        var offset = 0;
        for (var i = 0; i < index.Length; i++)
        {
            offset += index[i] * strides[i];
        }

        return offset;
    }

    private static void Advance(int[] index, Shape shape)
    {
        for (var i = index.Length - 1; i >= 0; i--)
        {
            if (++index[i] < shape[i])
            {
                return;
            }

            index[i] = 0;
        }
    }
}
