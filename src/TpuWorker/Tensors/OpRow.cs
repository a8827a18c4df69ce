namespace Workflows.TpuWorker.Tensors;

/// <summary>An operation about to be added: the input of shape and type rules.</summary>
internal readonly record struct OpCall(OpCode Op, IReadOnlyList<Node> Operands, OpAttributes Attributes);

/// <summary>A node whose upstream gradient is known: the input of gradient rules.</summary>
/// <param name="Node">The node to differentiate.</param>
/// <param name="Upstream">Gradient of the loss by the node's result; of the same shape.</param>
internal readonly record struct GradientCall(Node Node, Node Upstream)
{
    public Graph Graph => Node.Graph;

    public Node Operand(int index) => Node.Operands[index];
}

/// <summary>A composite about to be decomposed into primitives.</summary>
/// <param name="Graph">The graph to which they are added.</param>
/// <param name="Operands">The composite's operands in that graph.</param>
/// <param name="Attributes">The composite's attributes.</param>
internal readonly record struct Decomposition(Graph Graph, IReadOnlyList<Node> Operands, OpAttributes Attributes)
{
    public Node this[int operand] => Operands[operand];
}

/// <summary>
/// The facts of the IR about one operation. Lowerings are keyed by <see cref="Op"/> elsewhere.
/// </summary>
/// <param name="Op">The operation.</param>
/// <param name="Arity">Number of operands, or <see cref="Variadic"/>.</param>
/// <param name="ShapeRule">The result's shape; throws <see cref="TensorShapeException"/>.</param>
/// <param name="DTypeRule">The result's type; throws <see cref="TensorShapeException"/>.</param>
/// <param name="GradientRule">
/// The gradient of each operand in order, null for an operand without one; the whole rule is null if none has one.
/// Loops have a separate rule: <see cref="ScanGradient"/>.
/// </param>
/// <param name="Doc">Meaning, operands and attributes in a line or two.</param>
/// <param name="Decompose">The operation in primitives; null for a primitive.</param>
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
