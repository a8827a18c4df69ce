namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// The work and the memory of a program, counted from its graph with every round of its loops. A compiler's own count
/// includes the body of a loop once, for any number of rounds.
/// </summary>
/// <param name="ProductFlops">
/// Floating-point operations of all products: two for each multiplication and addition.
/// </param>
/// <param name="ElementOps">Elements of the results of all other operations except rearrangements.</param>
/// <param name="ArgumentBytes">Bytes of the inputs that are needed, and of all states with an update.</param>
/// <param name="OutputBytes">Bytes of the outputs.</param>
/// <param name="DonatedBytes">Bytes of the states that an output replaces.</param>
public sealed record GraphCost(
    long ProductFlops, long ElementOps, long ArgumentBytes, long OutputBytes, long DonatedBytes)
{
    /// <summary>Counts a program.</summary>
    /// <param name="graph">The program, with its outputs named.</param>
    /// <returns>The counts.</returns>
    public static GraphCost Of(Graph graph)
    {
        var live = GraphCopy.Live(graph);
        var (products, elements) = Work(graph, live);
        return new GraphCost(
            products, elements,
            graph.Inputs.Where(input => live[input.Index] || graph.Updates.ContainsKey(input)).Sum(BytesOf),
            graph.Outputs.Sum(output => BytesOf(output.Value)),
            graph.Updates.Keys.Sum(BytesOf));
    }

    private static (long Products, long Elements) Work(Graph graph, bool[] live)
    {
        var (products, elements) = (0L, 0L);
        var used = GraphCopy.UsedResults(graph, live);
        foreach (var node in graph.Nodes.Where(node => live[node.Index]))
        {
            if (node.Attributes.Loop is { } loop)
            {
                var results = used.TryGetValue(node.Index, out var picked) ? picked : [];
                var (inner, others) = Work(
                    loop.Body,
                    GraphCopy.Live(loop.Body, output => output < loop.CarriedCount || results.Contains(output)));
                products = checked(products + (inner * loop.Count));
                elements = checked(elements + (others * loop.Count));
            }
            else if (node.Op == OpCode.MatMul)
            {
                var left = node.Operands[0].Shape;
                var inner = node.Attributes.TransposeLeft ? left[^2] : left[^1];
                products = checked(products + (2 * node.Shape.ElementCount * inner));
            }
            else if (IsWork(node.Op))
            {
                elements = checked(elements + node.Shape.ElementCount);
            }
        }

        return (products, elements);
    }

    private static bool IsWork(OpCode op) => op is not (OpCode.Input or OpCode.Constant or OpCode.Splat
        or OpCode.Reshape or OpCode.Transpose or OpCode.BroadcastTo or OpCode.Slice or OpCode.Pad or OpCode.Concat
        or OpCode.Iota or OpCode.Barrier or OpCode.ScanResult);

    private static long BytesOf(Node node) => node.Shape.ElementCount * node.DType.Bytes();
}
