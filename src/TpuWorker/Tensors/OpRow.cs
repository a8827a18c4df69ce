namespace Workflows.TpuWorker.Tensors;

/// <summary>An operation about to be added: what the shape and type rules look at.</summary>
internal readonly record struct OpCall(OpCode Op, IReadOnlyList<Node> Operands, OpAttributes Attributes);

/// <summary>A node whose upstream gradient is known: what a gradient rule looks at.</summary>
/// <param name="Node">The node to go back through.</param>
/// <param name="Upstream">Gradient of the loss by the node's result; of the same shape.</param>
internal readonly record struct GradientCall(Node Node, Node Upstream)
{
    public Graph Graph => Node.Graph;

    public Node Operand(int index) => Node.Operands[index];
}

/// <summary>A composite about to be spelled in primitives.</summary>
/// <param name="Graph">The graph that they are added to.</param>
/// <param name="Operands">The composite's operands in that graph.</param>
/// <param name="Attributes">The composite's attributes.</param>
internal readonly record struct Decomposition(Graph Graph, IReadOnlyList<Node> Operands, OpAttributes Attributes)
{
    public Node this[int operand] => Operands[operand];
}

/// <summary>
/// Everything that the IR knows about one operation. Lowerings are keyed by <see cref="Op"/> elsewhere.
/// </summary>
/// <param name="Op">The operation.</param>
/// <param name="Arity">Number of operands, or <see cref="Variadic"/>.</param>
/// <param name="ShapeRule">The result's shape; throws <see cref="TensorShapeException"/>.</param>
/// <param name="DTypeRule">The result's type; throws <see cref="TensorShapeException"/>.</param>
/// <param name="GradientRule">
/// The gradient of each operand in order, null for one that has none; the whole rule is null where none has. Loops have
/// one of their own: <see cref="ScanGradient"/>.
/// </param>
/// <param name="Doc">Meaning, operands and attributes in a line or two.</param>
/// <param name="Decompose">The same in primitives; null for a primitive.</param>
internal sealed record OpRow(
    OpCode Op,
    int Arity,
    Func<OpCall, Shape> ShapeRule,
    Func<OpCall, DType> DTypeRule,
    Func<GradientCall, IReadOnlyList<Node?>>? GradientRule,
    string Doc,
    Func<Decomposition, Node>? Decompose = null)
{
    public const int Variadic = -1;
}
