namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// A program under construction: nodes in an order in which each comes after its operands, named inputs and named
/// outputs. Every node is checked against its op's row when it is added, so a finished graph has valid shapes.
/// Gradients are appended to the same graph by <see cref="Autodiff"/>.
/// </summary>
public sealed partial class Graph
{
    private readonly List<Node> _nodes = [];
    private readonly List<Node> _inputs = [];
    private readonly List<KeyValuePair<string, Node>> _outputs = [];

    /// <summary>Gets all nodes, each after its operands.</summary>
    public IReadOnlyList<Node> Nodes => _nodes;

    /// <summary>Gets the inputs, in the order in which they were added.</summary>
    public IReadOnlyList<Node> Inputs => _inputs;

    /// <summary>Gets the outputs by name, in the order in which they were named.</summary>
    public IReadOnlyList<KeyValuePair<string, Node>> Outputs => _outputs;

    /// <summary>Declares an input tensor of each run.</summary>
    /// <param name="name">A name that no other input has.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="type">Its element type.</param>
    /// <returns>The new node.</returns>
    public Node Input(string name, Shape shape, DType type = DType.Float32)
    {
        RequireNewInput(name);
        var node = Append(OpCode.Input, [], new OpAttributes { Name = name, Shape = shape, DType = type });
        _inputs.Add(node);
        return node;
    }

    /// <summary>Names an output. The same node may be several outputs.</summary>
    /// <param name="name">A name that no other output has.</param>
    /// <param name="node">The result.</param>
    public void Output(string name, Node node)
    {
        if (_outputs.Exists(output => output.Key == name))
        {
            throw new TensorShapeException("Output", "name", $"'{name}', taken", "a new name");
        }

        RequireOwn(OpCode.Input, node);
        _outputs.Add(new KeyValuePair<string, Node>(name, node));
    }

    /// <summary>Adds values that are part of the program.</summary>
    /// <param name="value">The values, not copied.</param>
    /// <returns>The new node.</returns>
    public Node Constant(HostTensor value) => Append(OpCode.Constant, [], new OpAttributes { Value = value });

    /// <summary>Adds a tensor of one number.</summary>
    /// <param name="shape">Its shape.</param>
    /// <param name="value">The number; whole for types of whole numbers, 0 or 1 for Booleans.</param>
    /// <param name="type">The element type.</param>
    /// <returns>The new node.</returns>
    public Node Splat(Shape shape, float value, DType type = DType.Float32) =>
        Append(OpCode.Splat, [], new OpAttributes { Shape = shape, Scalar = value, DType = type });

    /// <summary>Adds a + b, element by element.</summary>
    /// <param name="left">The left operand, [...].</param>
    /// <param name="right">The right operand, of a shape that broadcasts with the left one as in NumPy.</param>
    /// <returns>The new node, of the common shape.</returns>
    public Node Add(Node left, Node right) => Append(OpCode.Add, [left, right]);

    /// <summary>Adds a - b, element by element.</summary>
    /// <param name="left">The left operand, [...].</param>
    /// <param name="right">The right operand, of a shape that broadcasts with the left one as in NumPy.</param>
    /// <returns>The new node, of the common shape.</returns>
    public Node Subtract(Node left, Node right) => Append(OpCode.Subtract, [left, right]);

    /// <summary>Adds a * b, element by element.</summary>
    /// <param name="left">The left operand, [...].</param>
    /// <param name="right">The right operand, of a shape that broadcasts with the left one as in NumPy.</param>
    /// <returns>The new node, of the common shape.</returns>
    public Node Multiply(Node left, Node right) => Append(OpCode.Multiply, [left, right]);

    /// <summary>Adds a / b, element by element.</summary>
    /// <param name="left">The left operand, [...].</param>
    /// <param name="right">The right operand, of a shape that broadcasts with the left one as in NumPy.</param>
    /// <returns>The new node, of the common shape.</returns>
    public Node Divide(Node left, Node right) => Append(OpCode.Divide, [left, right]);

    /// <summary>Adds -x, element by element.</summary>
    /// <param name="value">x, of any shape.</param>
    /// <returns>The new node, of the same shape.</returns>
    public Node Negate(Node value) => Append(OpCode.Negate, [value]);

    /// <summary>Adds e to the power of x, element by element.</summary>
    /// <param name="value">x, of any shape.</param>
    /// <returns>The new node, of the same shape.</returns>
    public Node Exp(Node value) => Append(OpCode.Exp, [value]);

    /// <summary>Adds the natural logarithm of x, element by element.</summary>
    /// <param name="value">x, of any shape.</param>
    /// <returns>The new node, of the same shape.</returns>
    public Node Log(Node value) => Append(OpCode.Log, [value]);

    /// <summary>Adds the square root of x, element by element.</summary>
    /// <param name="value">x, of any shape.</param>
    /// <returns>The new node, of the same shape.</returns>
    public Node Sqrt(Node value) => Append(OpCode.Sqrt, [value]);

    /// <summary>Adds the hyperbolic tangent of x, element by element.</summary>
    /// <param name="value">x, of any shape.</param>
    /// <returns>The new node, of the same shape.</returns>
    public Node Tanh(Node value) => Append(OpCode.Tanh, [value]);

    /// <summary>Adds x times a number.</summary>
    /// <param name="value">x, of any shape.</param>
    /// <param name="factor">The number.</param>
    /// <returns>The new node, of the same shape.</returns>
    public Node Scale(Node value, float factor) =>
        Append(OpCode.Scale, [value], new OpAttributes { Scalar = factor });

    /// <summary>Adds the matrix products over the last two axes.</summary>
    /// <param name="left">[..., M, K], or [..., K, M] if transposed.</param>
    /// <param name="right">[..., K, N], or [..., N, K] if transposed; leading axes as on the left.</param>
    /// <param name="transposeLeft">Transposes the left matrices.</param>
    /// <param name="transposeRight">Transposes the right matrices.</param>
    /// <param name="factor">A factor of the products.</param>
    /// <param name="type">The result's element type, which must be Float32 unless the operands are BFloat16.</param>
    /// <param name="precision">The precision with which a target multiplies Float32 numbers.</param>
    /// <returns>The new node, [..., M, N].</returns>
    public Node MatMul(
        Node left, Node right, bool transposeLeft = false, bool transposeRight = false, float factor = 1,
        DType type = DType.Float32, ProductPrecision precision = ProductPrecision.Highest) =>
        Append(OpCode.MatMul, [left, right], new OpAttributes
        {
            TransposeLeft = transposeLeft,
            TransposeRight = transposeRight,
            Scalar = factor,
            DType = type,
            Precision = precision,
        });

    /// <summary>Adds the elements, in row-major order, with another shape.</summary>
    /// <param name="value">The tensor.</param>
    /// <param name="shape">A shape of as many elements.</param>
    /// <returns>The new node; the same one if the shape fits already.</returns>
    public Node Reshape(Node value, Shape shape) => value.Shape.Equals(shape)
        ? value
        : Append(OpCode.Reshape, [value], new OpAttributes { Shape = shape });

    /// <summary>Permutes the axes.</summary>
    /// <param name="value">The tensor.</param>
    /// <param name="permutation">For each axis of the result its axis of the operand.</param>
    /// <returns>The new node.</returns>
    public Node Transpose(Node value, params IReadOnlyList<int> permutation) =>
        Append(OpCode.Transpose, [value], new OpAttributes { Axes = permutation });

    /// <summary>Adds a range of one axis.</summary>
    /// <param name="value">The tensor.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="start">The first index.</param>
    /// <param name="length">The number of indices.</param>
    /// <returns>The new node.</returns>
    public Node Slice(Node value, int axis, int start, int length) =>
        Append(OpCode.Slice, [value], new OpAttributes { Axis = axis, Start = start, Length = length });

    /// <summary>Pads one axis with zeros.</summary>
    /// <param name="value">The tensor.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="start">The zeros in front.</param>
    /// <param name="length">The size of the axis afterwards.</param>
    /// <returns>The new node.</returns>
    public Node Pad(Node value, int axis, int start, int length) =>
        Append(OpCode.Pad, [value], new OpAttributes { Axis = axis, Start = start, Length = length });

    /// <summary>Concatenates tensors along one axis.</summary>
    /// <param name="axis">The axis.</param>
    /// <param name="values">The tensors, with the other axes equal.</param>
    /// <returns>The new node.</returns>
    public Node Concat(int axis, params IReadOnlyList<Node> values) =>
        Append(OpCode.Concat, values, new OpAttributes { Axis = axis });

    /// <summary>Sums over axes, which are kept with size 1.</summary>
    /// <param name="value">The tensor.</param>
    /// <param name="axes">The axes, ascending.</param>
    /// <returns>The new node.</returns>
    public Node ReduceSum(Node value, params IReadOnlyList<int> axes) =>
        Append(OpCode.ReduceSum, [value], new OpAttributes { Axes = axes });

    /// <summary>Repeats axes of size 1 and missing ones.</summary>
    /// <param name="value">The tensor.</param>
    /// <param name="shape">The shape afterwards.</param>
    /// <returns>The new node; the same one if the shape fits already.</returns>
    public Node BroadcastTo(Node value, Shape shape) => value.Shape.Equals(shape)
        ? value
        : Append(OpCode.BroadcastTo, [value], new OpAttributes { Shape = shape });

    /// <summary>Adds rows of a table.</summary>
    /// <param name="table">[N, ...].</param>
    /// <param name="rows">Row numbers below N, Int32 [...].</param>
    /// <returns>The new node: the shape of the rows, then that of a row.</returns>
    public Node Gather(Node table, Node rows) => Append(OpCode.Gather, [table, rows]);

    /// <summary>Adds rows to rows of a table.</summary>
    /// <param name="table">[N, ...].</param>
    /// <param name="rows">Row numbers below N, Int32 [R]; one that occurs twice gets both updates.</param>
    /// <param name="updates">[R, ...].</param>
    /// <returns>The new node, [N, ...].</returns>
    public Node ScatterAdd(Node table, Node rows, Node updates) => Append(OpCode.ScatterAdd, [table, rows, updates]);

    /// <summary>Adds softmax over the last axis.</summary>
    /// <param name="value">The tensor.</param>
    /// <returns>The new node, of the same shape.</returns>
    public Node Softmax(Node value) => Append(OpCode.Softmax, [value]);

    /// <summary>Adds x / sqrt(mean(x^2) + epsilon) * (1 + w) over the last axis.</summary>
    /// <param name="value">x, [..., D].</param>
    /// <param name="scale">w, [D].</param>
    /// <param name="epsilon">A small number above 0.</param>
    /// <returns>The new node, [..., D].</returns>
    public Node RmsNorm(Node value, Node scale, float epsilon) =>
        Append(OpCode.RmsNorm, [value, scale], new OpAttributes { Scalar = epsilon });

    /// <summary>Adds GELU in its tanh form.</summary>
    /// <param name="value">x, of any shape.</param>
    /// <returns>The new node, of the same shape.</returns>
    public Node GeluTanh(Node value) => Append(OpCode.GeluTanh, [value]);

    /// <summary>Rotates the pair (i, i + D/2) of every head by its position.</summary>
    /// <param name="value">Heads, [B, S, H, D].</param>
    /// <param name="cosines">[B, S, D/2].</param>
    /// <param name="sines">[B, S, D/2].</param>
    /// <param name="inverse">Rotates backwards.</param>
    /// <returns>The new node, [B, S, H, D].</returns>
    public Node Rope(Node value, Node cosines, Node sines, bool inverse = false) =>
        Append(OpCode.Rope, [value, cosines, sines], new OpAttributes { Inverse = inverse });

    /// <summary>Adds minus the logarithm of softmax at the label.</summary>
    /// <param name="logits">[R, V].</param>
    /// <param name="labels">Int32 [R], each below V.</param>
    /// <returns>The new node, [R].</returns>
    public Node CrossEntropy(Node logits, Node labels) => Append(OpCode.CrossEntropy, [logits, labels]);

    /// <summary>Adds dropout: sets a share of the elements to 0 and multiplies the others by 1 / (1 - share).</summary>
    /// <param name="value">The tensor.</param>
    /// <param name="seed">Int32 [1], given at run time.</param>
    /// <param name="share">The share, 0 to below 1.</param>
    /// <param name="stream">The number of this dropout, so that no two of a program drop the same elements.</param>
    /// <returns>The new node, of the same shape.</returns>
    public Node Dropout(Node value, Node seed, float share, int stream) =>
        Append(OpCode.Dropout, [value, seed], new OpAttributes { Scalar = share, Start = stream });

    /// <summary>
    /// Adds any operation of the table; the named methods above call this method.
    /// </summary>
    /// <param name="op">The operation.</param>
    /// <param name="operands">Nodes of this graph, in the order of the operation's row.</param>
    /// <param name="attributes">Its attributes; null for none.</param>
    /// <returns>The new node.</returns>
    /// <exception cref="TensorShapeException">An operand or attribute is not valid for the operation.</exception>
    public Node Append(OpCode op, IReadOnlyList<Node> operands, OpAttributes? attributes = null)
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
