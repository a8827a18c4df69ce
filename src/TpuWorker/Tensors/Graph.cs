namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// A program under construction: nodes in an order in which each comes after its operands, named inputs and named
/// outputs. Every node is checked against its op's row when it is added, so a finished graph is well shaped.
/// Gradients are appended to the same graph by <see cref="Autodiff"/>.
/// </summary>
internal sealed class Graph
{
    private readonly List<Node> _nodes = [];
    private readonly List<Node> _inputs = [];
    private readonly List<KeyValuePair<string, Node>> _outputs = [];

    public IReadOnlyList<Node> Nodes => _nodes;

    public IReadOnlyList<Node> Inputs => _inputs;

    public IReadOnlyList<KeyValuePair<string, Node>> Outputs => _outputs;

    public Node Input(string name, Shape shape, DType type = DType.Float32)
    {
        if (_inputs.Any(input => input.Attributes.Name == name))
        {
            throw new TensorShapeException("Input", "name", $"'{name}', taken", "a new name");
        }

        var node = Append(OpCode.Input, [], new OpAttributes { Name = name, Shape = shape, DType = type });
        _inputs.Add(node);
        return node;
    }

    /// <summary>Names a result. The same node may be given out under several names.</summary>
    public void Output(string name, Node node)
    {
        if (_outputs.Exists(output => output.Key == name))
        {
            throw new TensorShapeException("Output", "name", $"'{name}', taken", "a new name");
        }

        RequireOwn(OpCode.Input, node);
        _outputs.Add(new KeyValuePair<string, Node>(name, node));
    }

    public Node Constant(HostTensor value) => Append(OpCode.Constant, [], new OpAttributes { Value = value });

    public Node Splat(Shape shape, float value) =>
        Append(OpCode.Splat, [], new OpAttributes { Shape = shape, Scalar = value });

    public Node Add(Node left, Node right) => Append(OpCode.Add, [left, right]);

    public Node Subtract(Node left, Node right) => Append(OpCode.Subtract, [left, right]);

    public Node Multiply(Node left, Node right) => Append(OpCode.Multiply, [left, right]);

    public Node Divide(Node left, Node right) => Append(OpCode.Divide, [left, right]);

    public Node Negate(Node value) => Append(OpCode.Negate, [value]);

    public Node Exp(Node value) => Append(OpCode.Exp, [value]);

    public Node Log(Node value) => Append(OpCode.Log, [value]);

    public Node Sqrt(Node value) => Append(OpCode.Sqrt, [value]);

    public Node Tanh(Node value) => Append(OpCode.Tanh, [value]);

    public Node Scale(Node value, float factor) =>
        Append(OpCode.Scale, [value], new OpAttributes { Scalar = factor });

    public Node MatMul(
        Node left, Node right, bool transposeLeft = false, bool transposeRight = false, float factor = 1) =>
        Append(OpCode.MatMul, [left, right], new OpAttributes
        {
            TransposeLeft = transposeLeft,
            TransposeRight = transposeRight,
            Scalar = factor,
        });

    /// <summary>The same node where the shape already fits.</summary>
    public Node Reshape(Node value, Shape shape) => value.Shape.Equals(shape)
        ? value
        : Append(OpCode.Reshape, [value], new OpAttributes { Shape = shape });

    public Node Transpose(Node value, params IReadOnlyList<int> permutation) =>
        Append(OpCode.Transpose, [value], new OpAttributes { Axes = permutation });

    public Node Slice(Node value, int axis, int start, int length) =>
        Append(OpCode.Slice, [value], new OpAttributes { Axis = axis, Start = start, Length = length });

    public Node Pad(Node value, int axis, int start, int length) =>
        Append(OpCode.Pad, [value], new OpAttributes { Axis = axis, Start = start, Length = length });

    public Node Concat(int axis, params IReadOnlyList<Node> values) =>
        Append(OpCode.Concat, values, new OpAttributes { Axis = axis });

    /// <summary>Sums over the axes (ascending); they are kept with size 1.</summary>
    public Node ReduceSum(Node value, params IReadOnlyList<int> axes) =>
        Append(OpCode.ReduceSum, [value], new OpAttributes { Axes = axes });

    public Node BroadcastTo(Node value, Shape shape) => value.Shape.Equals(shape)
        ? value
        : Append(OpCode.BroadcastTo, [value], new OpAttributes { Shape = shape });

    public Node Gather(Node table, Node rows) => Append(OpCode.Gather, [table, rows]);

    public Node ScatterAdd(Node table, Node rows, Node updates) => Append(OpCode.ScatterAdd, [table, rows, updates]);

    public Node Softmax(Node value) => Append(OpCode.Softmax, [value]);

    public Node RmsNorm(Node value, Node scale, float epsilon) =>
        Append(OpCode.RmsNorm, [value, scale], new OpAttributes { Scalar = epsilon });

    public Node GeluTanh(Node value) => Append(OpCode.GeluTanh, [value]);

    public Node Rope(Node value, Node cosines, Node sines, bool inverse = false) =>
        Append(OpCode.Rope, [value, cosines, sines], new OpAttributes { Inverse = inverse });

    public Node CrossEntropy(Node logits, Node labels) => Append(OpCode.CrossEntropy, [logits, labels]);

    public Node Dropout(Node value, Node seed, float share, int stream) =>
        Append(OpCode.Dropout, [value, seed], new OpAttributes { Scalar = share, Start = stream });

    /// <summary>
    /// Adds any operation of the table; the named methods above are this with the attributes spelled out.
    /// </summary>
    internal Node Append(OpCode op, IReadOnlyList<Node> operands, OpAttributes? attributes = null)
    {
        attributes ??= OpAttributes.None;
        var row = OpTable.Row(op);
        if (row.Arity != OpRow.Variadic && operands.Count != row.Arity)
        {
            throw new TensorShapeException($"{op}", "operand count", $"{operands.Count}", $"{row.Arity}");
        }

        foreach (var operand in operands)
        {
            RequireOwn(op, operand);
        }

        var call = new OpCall(op, operands, attributes);
        var node = new Node(
            this, _nodes.Count, op, operands, attributes, row.DTypeRule(call), row.ShapeRule(call));
        _nodes.Add(node);
        return node;
    }

    private void RequireOwn(OpCode op, Node operand)
    {
        if (!ReferenceEquals(operand.Graph, this))
        {
            throw new TensorShapeException($"{op}", "operand", "a node of another graph", "a node of this graph");
        }
    }
}
