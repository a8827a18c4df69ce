using Workflows.TpuWorker.Tensors;
using static Workflows.TpuWorker.StableHlo.StableHloWriter;

namespace Workflows.TpuWorker.StableHlo;

/// <summary>A node to write, the names of its operands' values, and the writer.</summary>
internal readonly record struct StableHloCall(Node Node, IReadOnlyList<string> Names, StableHloWriter Writer)
{
    public OpAttributes Attributes => Node.Attributes;

    public string Type => TypeOf(Node);

    public Node Operand(int operand) => Node.Operands[operand];

    public (string Value, string Type) this[int operand] => (Names[operand], TypeOf(Node.Operands[operand]));

    public (string Value, string Type)[] All
    {
        get
        {
            var names = Names;
            return [.. Node.Operands.Select((operand, i) => (names[i], TypeOf(operand)))];
        }
    }

    /// <summary>Broadcasts an operand to a shape; axes are matched from the last, as in NumPy.</summary>
    public (string Value, string Type) Broadcast(int operand, Shape shape)
    {
        var node = Operand(operand);
        return (Broadcast(Names[operand], node.DType, node.Shape, shape), TypeOf(node.DType, shape));
    }

    public string Broadcast(string value, DType type, Shape from, Shape to)
    {
        if (from.Equals(to))
        {
            return value;
        }

        var axes = Enumerable.Range(to.Rank - from.Rank, from.Rank);
        return Writer.Emit(
            "broadcast_in_dim", [(value, TypeOf(type, from))], TypeOf(type, to),
            $"broadcast_dimensions = {Longs(axes)}");
    }

    public string Emit(string op, string attributes = "") => Writer.Emit(op, All, Type, attributes);
}

/// <summary>Lowers primitives to StableHLO, with one table row for each.</summary>
internal static partial class StableHloLowering
{
    private static readonly Dictionary<OpCode, Func<StableHloCall, string>> Table = new()
    {
        [OpCode.Constant] = c => c.Writer.Constant(c.Attributes.Value!),
        [OpCode.Splat] = c => c.Writer.Splat(c.Node.DType, c.Node.Shape, c.Attributes.Scalar),
        [OpCode.Add] = c => Broadcasting(c, "add"),
        [OpCode.Subtract] = c => Broadcasting(c, "subtract"),
        [OpCode.Multiply] = c => Broadcasting(c, "multiply"),
        [OpCode.Divide] = c => Broadcasting(c, "divide"),
        [OpCode.Maximum] = c => Broadcasting(c, "maximum"),
        [OpCode.Minimum] = c => Broadcasting(c, "minimum"),
        [OpCode.And] = c => Broadcasting(c, "and"),
        [OpCode.Xor] = c => Broadcasting(c, "xor"),
        [OpCode.ShiftRight] = c => Broadcasting(c, "shift_right_logical"),
        [OpCode.Negate] = c => c.Emit("negate"),
        [OpCode.Exp] = c => c.Emit("exponential"),
        [OpCode.Log] = c => c.Emit("log"),
        [OpCode.Sqrt] = c => c.Emit("sqrt"),
        [OpCode.Tanh] = c => c.Emit("tanh"),
        [OpCode.Sine] = c => c.Emit("sine"),
        [OpCode.Cosine] = c => c.Emit("cosine"),
        [OpCode.Convert] = c => c.Emit("convert"),
        [OpCode.Reshape] = c => c.Emit("reshape"),
        [OpCode.Barrier] = c => c.Emit("optimization_barrier"),
        [OpCode.Scale] = Scale,
        [OpCode.MatMul] = MatMul,
        [OpCode.Transpose] = c => c.Emit("transpose", $"permutation = {Longs(c.Attributes.Axes)}"),
        [OpCode.Slice] = Slice,
        [OpCode.Pad] = Pad,
        [OpCode.Concat] = c => c.Emit("concatenate", $"dimension = {c.Attributes.Axis} : i64"),
        [OpCode.ReduceSum] = ReduceSum,
        [OpCode.ReduceMax] = ReduceMax,
        [OpCode.BroadcastTo] = c => c.Broadcast(0, c.Node.Shape).Value,
        [OpCode.Gather] = Gather,
        [OpCode.ScatterAdd] = ScatterAdd,
        [OpCode.Iota] = c => c.Emit("iota", $"iota_dimension = {c.Attributes.Axis} : i64"),
        [OpCode.Compare] = Compare,
        [OpCode.Select] = Select,
        [OpCode.DynamicSlice] = DynamicSlice,
        [OpCode.DynamicUpdateSlice] = DynamicUpdateSlice,
    };

    /// <summary>Lists the operations that can be written; inputs are arguments, and loops have a writer of their
    /// own.</summary>
    public static IEnumerable<OpCode> Ops => [.. Table.Keys, OpCode.Input, OpCode.Scan, OpCode.ScanResult];

    /// <summary>Writes the live nodes of a graph of primitives.</summary>
    /// <param name="writer">The writer.</param>
    /// <param name="graph">The graph.</param>
    /// <param name="live">For each node, whether it is live.</param>
    /// <param name="inputs">The values of its inputs, in their order.</param>
    /// <returns>The name of each node's value, by index.</returns>
    public static string[] Write(
        StableHloWriter writer, Graph graph, bool[] live, IReadOnlyList<string> inputs)
    {
        var names = new string[graph.Nodes.Count];
        for (var i = 0; i < graph.Inputs.Count; i++)
        {
            names[graph.Inputs[i].Index] = inputs[i];
        }

        var used = GraphCopy.UsedResults(graph, live);
        var loops = new Dictionary<int, Dictionary<int, string>>();
        foreach (var node in graph.Nodes.Where(node => live[node.Index] && node.Op != OpCode.Input))
        {
            string[] operands = [.. node.Operands.Select(operand => names[operand.Index])];
            switch (node.Op)
            {
                case OpCode.Scan:
                    var picked = used.TryGetValue(node.Index, out var results) ? results : [];
                    loops.Add(
                        node.Index, StableHloLoop.Write(new StableHloCall(node, operands, writer), picked));
                    names[node.Index] = string.Empty;
                    break;
                case OpCode.ScanResult:
                    names[node.Index] = loops[node.Operands[0].Index][node.Attributes.Start];
                    break;
                default:
                    names[node.Index] = Table[node.Op](new StableHloCall(node, operands, writer));
                    break;
            }
        }

        return names;
    }

    private static string Broadcasting(StableHloCall c, string op) => c.Writer.Emit(
        op, [c.Broadcast(0, c.Node.Shape), c.Broadcast(1, c.Node.Shape)], c.Type);

    private static string Scale(StableHloCall c) => Scaled(c.Writer, c[0].Value, c.Node, c.Attributes.Scalar);

    private static string Scaled(StableHloWriter writer, string value, Node node, float factor)
    {
        var factors = writer.Splat(node.DType, node.Shape, factor);
        return writer.Emit("multiply", [(value, TypeOf(node)), (factors, TypeOf(node))], TypeOf(node));
    }

    /// <summary>
    /// Writes one product for any order of the operands' axes: transposing only names other axes. 16-bit numbers are
    /// summed in single precision by every compiler; the result's type decides whether the sums are rounded.
    /// </summary>
    private static string MatMul(StableHloCall c)
    {
        var (at, rank) = (c.Attributes, c.Node.Shape.Rank);
        var batch = List(Enumerable.Range(0, rank - 2));
        var left = at.TransposeLeft ? rank - 2 : rank - 1;
        var right = at.TransposeRight ? rank - 1 : rank - 2;
        var axes = (rank > 2 ? $"lhs_batching_dimensions = {batch}, rhs_batching_dimensions = {batch}, " : string.Empty)
            + $"lhs_contracting_dimensions = [{left}], rhs_contracting_dimensions = [{right}]";
        var precision = at.Precision switch
        {
            _ when c.Operand(0).DType == DType.BFloat16 => "DEFAULT",
            ProductPrecision.Default => "DEFAULT",
            ProductPrecision.High => "HIGH",
            _ => "HIGHEST",
        };
        var product = c.Writer.Emit(
            "dot_general", c.All, c.Type,
            $"dot_dimension_numbers = #stablehlo.dot<{axes}>, precision_config = "
            + $"[#stablehlo<precision {precision}>, #stablehlo<precision {precision}>]");
        return at.Scalar == 1 ? product : Scaled(c.Writer, product, c.Node, at.Scalar);
    }

    private static string Slice(StableHloCall c)
    {
        var (shape, at) = (c.Operand(0).Shape, c.Attributes);
        var (starts, limits) = (new int[shape.Rank], shape.Dimensions.ToArray());
        (starts[at.Axis], limits[at.Axis]) = (at.Start, at.Start + at.Length);
        return c.Emit(
            "slice",
            $"limit_indices = {Longs(limits)}, start_indices = {Longs(starts)}, strides = {Longs(Ones(shape.Rank))}");
    }

    private static string Pad(StableHloCall c)
    {
        var (shape, at) = (c.Operand(0).Shape, c.Attributes);
        var (low, high) = (new int[shape.Rank], new int[shape.Rank]);
        (low[at.Axis], high[at.Axis]) = (at.Start, at.Length - at.Start - shape[at.Axis]);
        var zero = c.Writer.Splat(c.Node.DType, Shape.Scalar, 0);
        return c.Writer.Emit(
            "pad", [c[0], (zero, TypeOf(c.Node.DType, Shape.Scalar))], c.Type,
            $"edge_padding_high = {Longs(high)}, edge_padding_low = {Longs(low)}, "
            + $"interior_padding = {Longs(new int[shape.Rank])}");
    }

    /// <summary>Sums 16-bit numbers in single precision and rounds once.</summary>
    private static string ReduceSum(StableHloCall c)
    {
        var node = c.Operand(0);
        if (node.DType != DType.BFloat16)
        {
            return Reduce(c, c[0].Value, node.DType, "add", 0);
        }

        var wide = c.Writer.Emit("convert", [c[0]], TypeOf(DType.Float32, node.Shape));
        var sum = Reduce(c, wide, DType.Float32, "add", 0);
        return c.Writer.Emit("convert", [(sum, TypeOf(DType.Float32, c.Node.Shape))], c.Type);
    }

    private static string ReduceMax(StableHloCall c)
    {
        var least = c.Node.DType switch
        {
            DType.Int32 => int.MinValue,
            DType.UInt32 => 0,
            _ => double.NegativeInfinity,
        };
        return Reduce(c, c[0].Value, c.Node.DType, "maximum", least);
    }

    /// <summary>Reduces and puts the axes back with size 1.</summary>
    private static string Reduce(StableHloCall c, string value, DType type, string op, double initial)
    {
        var (shape, axes, writer) = (c.Operand(0).Shape, c.Attributes.Axes, c.Writer);
        if (axes.Count == 0)
        {
            return value;
        }

        var scalar = TypeOf(type, Shape.Scalar);
        var kept = new Shape([.. Enumerable.Range(0, shape.Rank).Except(axes).Select(axis => shape[axis])]);
        var start = writer.Splat(type, Shape.Scalar, initial);
        var reduced = writer.Emit(
            "reduce", [(value, TypeOf(type, shape)), (start, scalar)], TypeOf(type, kept),
            $"dimensions = {Longs(axes)}", () => CombineRegion(writer, op, scalar));
        return writer.Emit("reshape", [(reduced, TypeOf(type, kept))], TypeOf(type, c.Node.Shape));
    }

    private static void CombineRegion(StableHloWriter writer, string op, string scalar)
    {
        var (left, right) = (writer.NewName(), writer.NewName());
        writer.Line($"^bb0({left}: {scalar}, {right}: {scalar}):");
        var combined = writer.Emit(op, [(left, scalar), (right, scalar)], scalar);
        writer.Line($"\"stablehlo.return\"({combined}) : ({scalar}) -> ()");
    }

    private static string Gather(StableHloCall c)
    {
        var (table, rows) = (c.Operand(0).Shape, c.Operand(1).Shape);
        var (index, type) = WithIndexAxis(c);
        int[] sizes = [1, .. table.Dimensions[1..]];
        return c.Writer.Emit(
            "gather", [c[0], (index, type)], c.Type,
            "dimension_numbers = #stablehlo.gather<"
            + $"offset_dims = {List(Enumerable.Range(rows.Rank, table.Rank - 1))}, collapsed_slice_dims = [0], "
            + $"start_index_map = [0], index_vector_dim = {rows.Rank}>, indices_are_sorted = false, "
            + $"slice_sizes = {Longs(sizes)}");
    }

    private static string ScatterAdd(StableHloCall c)
    {
        var table = c.Operand(0).Shape;
        var (index, type) = WithIndexAxis(c);
        return c.Writer.Emit(
            "scatter", [c[0], (index, type), c[2]], c.Type,
            "indices_are_sorted = false, scatter_dimension_numbers = #stablehlo.scatter<"
            + (table.Rank > 1 ? $"update_window_dims = {List(Enumerable.Range(1, table.Rank - 1))}, " : string.Empty)
            + "inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>, "
            + "unique_indices = false",
            () => CombineRegion(c.Writer, "add", TypeOf(c.Node.DType, Shape.Scalar)));
    }

    private static (string Value, string Type) WithIndexAxis(StableHloCall c)
    {
        var type = TypeOf(DType.Int32, new Shape([.. c.Operand(1).Shape.Dimensions, 1]));
        return (c.Writer.Emit("reshape", [c[1]], type), type);
    }

    private static string Compare(StableHloCall c)
    {
        var type = c.Operand(0).DType;
        var kind = type.IsFloat() ? "FLOAT" : type == DType.Int32 ? "SIGNED" : "UNSIGNED";
        var direction = c.Attributes.Comparison switch
        {
            Comparison.Equal => "EQ",
            Comparison.NotEqual => "NE",
            Comparison.Less => "LT",
            Comparison.LessOrEqual => "LE",
            Comparison.Greater => "GT",
            _ => "GE",
        };
        return c.Writer.Emit(
            "compare", [c.Broadcast(0, c.Node.Shape), c.Broadcast(1, c.Node.Shape)], c.Type,
            $"compare_type = #stablehlo<comparison_type {kind}>, "
            + $"comparison_direction = #stablehlo<comparison_direction {direction}>");
    }

    private static string Select(StableHloCall c) => c.Writer.Emit(
        "select", [c.Broadcast(0, c.Node.Shape), c.Broadcast(1, c.Node.Shape), c.Broadcast(2, c.Node.Shape)], c.Type);

    private static string DynamicSlice(StableHloCall c) => c.Writer.Emit(
        "dynamic_slice", [c[0], .. Starts(c, 1)], c.Type, $"slice_sizes = {Longs(c.Node.Shape.Dimensions.ToArray())}");

    private static string DynamicUpdateSlice(StableHloCall c) => c.Writer.Emit(
        "dynamic_update_slice", [c[0], c[1], .. Starts(c, 2)], c.Type);

    /// <summary>Returns the given start along the axis, zeros along the others.</summary>
    private static IEnumerable<(string Value, string Type)> Starts(StableHloCall c, int operand)
    {
        var type = TypeOf(DType.Int32, Shape.Scalar);
        var zero = c.Writer.Splat(DType.Int32, Shape.Scalar, 0);
        return Enumerable.Range(0, c.Operand(0).Shape.Rank)
            .Select(axis => (axis == c.Attributes.Axis ? c[operand].Value : zero, type));
    }

    private static int[] Ones(int count) => [.. Enumerable.Repeat(1, count)];
}
