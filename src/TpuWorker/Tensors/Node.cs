namespace Workflows.TpuWorker.Tensors;

/// <summary>One operation of a graph and its result tensor. Created only by <see cref="Graph"/>.</summary>
public sealed class Node
{
    internal Node(
        Graph graph, int index, OpCode op, IReadOnlyList<Node> operands, OpAttributes attributes, DType type,
        Shape shape)
    {
        (Graph, Index, Op, Operands, Attributes) = (graph, index, op, operands, attributes);
        (DType, Shape) = (type, shape);
    }

    /// <summary>Gets the graph of the node.</summary>
    public Graph Graph { get; }

    /// <summary>Gets the index in the graph; operands always have smaller ones.</summary>
    public int Index { get; }

    /// <summary>Gets the operation.</summary>
    public OpCode Op { get; }

    /// <summary>Gets the operands of the operation, in the order of its row.</summary>
    public IReadOnlyList<Node> Operands { get; }

    /// <summary>Gets the operation's attributes.</summary>
    public OpAttributes Attributes { get; }

    /// <summary>Gets the element type of the result.</summary>
    public DType DType { get; }

    /// <summary>Gets the shape of the result.</summary>
    public Shape Shape { get; }

    /// <summary>Formats the node as a line of a listing: <c>%2 = Add(%0, %1) : Float32[2, 3]</c>.</summary>
    /// <returns>The line.</returns>
    public override string ToString() => $"%{Index} = {Op}({string.Join(", ", Operands.Select(Id))}) : {DType}{Shape}";

    private static string Id(Node node) => $"%{node.Index}";
}
