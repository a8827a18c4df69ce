namespace Workflows.TpuWorker.Tensors;

/// <summary>Copies nodes into other graphs, and finds the nodes that a program needs.</summary>
public static class GraphCopy
{
    /// <summary>Finds the nodes on which the outputs depend.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="counts">Selects outputs by number; null for all.</param>
    /// <returns>For each node, by index, whether one of them depends on it.</returns>
    public static bool[] Live(Graph graph, Func<int, bool>? counts = null)
    {
        var live = new bool[graph.Nodes.Count];
        for (var i = 0; i < graph.Outputs.Count; i++)
        {
            live[graph.Outputs[i].Value.Index] |= counts?.Invoke(i) ?? true;
        }

        for (var index = live.Length - 1; index >= 0; index--)
        {
            foreach (var operand in graph.Nodes[index].Operands)
            {
                live[operand.Index] |= live[index];
            }
        }

        return live;
    }

    /// <summary>Finds, for each loop of the graph, by index, the results that live nodes use.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="live">The result of <see cref="Live"/>.</param>
    /// <returns>The numbers of the used results of each loop that has any.</returns>
    public static Dictionary<int, SortedSet<int>> UsedResults(Graph graph, bool[] live)
    {
        var used = new Dictionary<int, SortedSet<int>>();
        foreach (var node in graph.Nodes)
        {
            if (live[node.Index] && node.Op == OpCode.ScanResult)
            {
                var scan = node.Operands[0].Index;
                if (!used.TryGetValue(scan, out var results))
                {
                    used.Add(scan, results = []);
                }

                results.Add(node.Attributes.Start);
            }
        }

        return used;
    }

    /// <summary>
    /// Copies the nodes that a graph's outputs need, with composites decomposed into primitives, also in its loops.
    /// </summary>
    /// <param name="graph">The graph.</param>
    /// <returns>A separate graph with the same outputs.</returns>
    public static Graph ToPrimitives(Graph graph) => ToPrimitives(graph, Live(graph), keepsInputs: false);

    private static Graph ToPrimitives(Graph graph, bool[] live, bool keepsInputs)
    {
        var result = new Graph();
        var copies = new Node[graph.Nodes.Count];
        foreach (var node in graph.Nodes)
        {
            var isKept = node.Op == OpCode.Input && (keepsInputs || graph.Updates.ContainsKey(node));
            if (live[node.Index] || isKept)
            {
                Node[] operands = [.. node.Operands.Select(operand => copies[operand.Index])];
                copies[node.Index] = Primitive(result, node, operands);
            }
        }

        for (var i = 0; i < graph.Outputs.Count; i++)
        {
            var (name, node) = graph.Outputs[i];
            var state = graph.Updates.FirstOrDefault(update => update.Value == name).Key;
            if (state is not null)
            {
                result.Update(copies[state.Index], copies[node.Index]);
            }
            else
            {
                result.Output(name, copies[node.Index]);
            }
        }

        return result;
    }

    private static Node Primitive(Graph target, Node node, Node[] operands)
    {
        if (OpTable.Row(node.Op).Decompose is { } decompose)
        {
            return decompose(new Decomposition(target, operands, node.Attributes));
        }

        if (node.Attributes.Loop is { } loop)
        {
            var body = ToPrimitives(loop.Body, Live(loop.Body), keepsInputs: true);
            return target.Append(node.Op, operands, node.Attributes with { Loop = loop with { Body = body } });
        }

        return Into(target, node, operands);
    }

    /// <summary>Copies one node.</summary>
    internal static Node Into(Graph target, Node node, IReadOnlyList<Node> operands)
    {
        var at = node.Attributes;
        return node.Op != OpCode.Input ? target.Append(node.Op, operands, at)
            : at.IsState ? target.State(at.Name!, node.Shape, node.DType)
            : target.Input(at.Name!, node.Shape, node.DType);
    }
}
