namespace Workflows.TpuWorker.Tensors;

/// <summary>One operation of a graph and the tensor that it yields. Made only by <see cref="Graph"/>.</summary>
internal sealed class Node
{
    internal Node(
        Graph graph, int index, OpCode op, IReadOnlyList<Node> operands, OpAttributes attributes, DType type,
        Shape shape)
    {
        (Graph, Index, Op, Operands, Attributes) = (graph, index, op, operands, attributes);
        (DType, Shape) = (type, shape);
    }

    public Graph Graph { get; }

    /// <summary>Position in the graph; operands always have smaller ones.</summary>
    public int Index { get; }

    public OpCode Op { get; }

    public IReadOnlyList<Node> Operands { get; }

    public OpAttributes Attributes { get; }

    public DType DType { get; }

    public Shape Shape { get; }

    public override string ToString() => $"%{Index} = {Op}({string.Join(", ", Operands.Select(Id))}) : {DType}{Shape}";

    private static string Id(Node node) => $"%{node.Index}";
}
