namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// Estimates the memory of a graph's intermediate results if its operations run in the order in which they were added
/// and each result is freed after its last use. Inputs and outputs belong to the caller and do not count. A runtime may
/// order differently and reuse memory in place, so this is an estimate.
/// </summary>
public static class WorkingMemory
{
    private const int ElementBytes = 4;

    /// <summary>Estimates the most memory that a run of the graph needs at any time.</summary>
    /// <param name="graph">The graph, with its outputs named.</param>
    /// <returns>Bytes.</returns>
    public static long PeakBytes(Graph graph)
    {
        var lastUse = LastUses(graph);
        var freedAt = new List<long>[graph.Nodes.Count];
        var (live, peak) = (0L, 0L);
        foreach (var node in graph.Nodes)
        {
            if (lastUse[node.Index] < 0)
            {
                continue;
            }

            var own = IsComputed(node) ? BytesOf(node) : 0;
            live += own;
            peak = Math.Max(peak, live + PassingBytes(node));
            if (lastUse[node.Index] < int.MaxValue)
            {
                (freedAt[lastUse[node.Index]] ??= []).Add(own);
            }
            else
            {
                // An output is in the caller's memory.
                live -= own;
            }

            live -= freedAt[node.Index]?.Sum() ?? 0;
        }

        return peak;
    }

    /// <summary>Returns the index of the last reader of each node; beyond all for outputs, below all if there is
    /// none.</summary>
    private static int[] LastUses(Graph graph)
    {
        var last = new int[graph.Nodes.Count];
        Array.Fill(last, -1);
        foreach (var (_, node) in graph.Outputs)
        {
            last[node.Index] = int.MaxValue;
        }

        for (var index = last.Length - 1; index >= 0; index--)
        {
            // A reshape is its operand under another name, so the operand lives as long.
            var node = graph.Nodes[index];
            var use = node.Op == OpCode.Reshape ? last[index] : index;
            foreach (var operand in last[index] < 0 ? [] : node.Operands)
            {
                last[operand.Index] = Math.Max(last[operand.Index], use);
            }
        }

        return last;
    }

    private static bool IsComputed(Node node) =>
        node.Op is not (OpCode.Input or OpCode.Constant or OpCode.Splat or OpCode.Reshape);

    /// <summary>Counts the bytes that operations which are lowered to several hold besides their result.</summary>
    private static long PassingBytes(Node node) => node.Op switch
    {
        OpCode.CrossEntropy or OpCode.CrossEntropyGradient or OpCode.SoftmaxGradient => BytesOf(node.Operands[0]),
        OpCode.GeluTanhGradient or OpCode.RmsNormGradient or OpCode.RmsNormScaleGradient =>
            2 * BytesOf(node.Operands[0]),
        _ => 0,
    };

    private static long BytesOf(Node node)
    {
        long bytes = ElementBytes;
        foreach (var size in node.Shape.Dimensions)
        {
            bytes *= size;
        }

        return bytes;
    }
}
