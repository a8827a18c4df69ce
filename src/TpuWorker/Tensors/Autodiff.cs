namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// Reverse-mode differentiation: walks a graph from a result back to chosen nodes and appends the gradient program to
/// the same graph. Only nodes that depend on a chosen node are visited.
/// </summary>
public static class Autodiff
{
    /// <summary>Builds the gradients of sum(seed * result) by each of <paramref name="targets"/>.</summary>
    /// <param name="result">The node to differentiate, of any shape.</param>
    /// <param name="seed">Weight of each element of the result, of its shape: ones for a plain sum.</param>
    /// <param name="targets">The nodes to differentiate by.</param>
    /// <returns>One node per target, of its shape; zeros if the result does not depend on it.</returns>
    /// <exception cref="GradientUndefinedException">The result depends on a target through an operand that has no
    /// gradient.</exception>
    /// <exception cref="TensorShapeException">The seed does not have the result's shape, or an operation's rule is
    /// wrong.</exception>
    public static Node[] Gradients(Node result, Node seed, IReadOnlyList<Node> targets) =>
        Gradients([(result, seed)], targets);

    /// <summary>
    /// Builds the gradients summed over several results, such as one whose gradient is known already and is propagated.
    /// </summary>
    /// <param name="results">The nodes to differentiate, of one graph, each with its seed.</param>
    /// <param name="targets">The nodes to differentiate by.</param>
    /// <returns>One node per target, of its shape; zeros if no result depends on it.</returns>
    /// <exception cref="GradientUndefinedException">A result depends on a target through an operand that has no
    /// gradient.</exception>
    /// <exception cref="TensorShapeException">A seed does not have its result's shape, or an operation's rule is
    /// wrong.</exception>
    public static Node[] Gradients(IReadOnlyList<(Node Result, Node Seed)> results, IReadOnlyList<Node> targets) =>
        Gradients(results, targets, op => OpTable.Row(op).GradientRule);

    /// <summary>Builds gradients with the caller's rules; tests pass wrong ones.</summary>
    internal static Node[] Gradients(
        IReadOnlyList<(Node Result, Node Seed)> results, IReadOnlyList<Node> targets,
        Func<OpCode, Func<GradientCall, IReadOnlyList<Node?>>?> rules)
    {
        var graph = results[0].Result.Graph;
        var last = results.Max(result => result.Result.Index);
        var depends = DependsOn(graph, last, targets);
        var gradients = new Node?[graph.Nodes.Count];
        var loops = new Dictionary<int, Dictionary<int, Node>>();
        foreach (var (result, seed) in results)
        {
            if (!seed.Shape.Equals(result.Shape))
            {
                throw new TensorShapeException("Gradients", "seed", $"{seed.Shape}", $"{result.Shape}");
            }

            gradients[result.Index] = Accumulate(gradients[result.Index], seed);
        }

        for (var index = last; index >= 0; index--)
        {
            var node = graph.Nodes[index];
            if (!depends[index] || node.Operands.Count == 0)
            {
                continue;
            }

            if (node.Op == OpCode.ScanResult && gradients[index] is { } ofResult)
            {
                HandToLoop(loops, node, ofResult);
                continue;
            }

            var byOperand = ByOperand(node, gradients[index], loops.GetValueOrDefault(index), depends, rules);
            for (var i = 0; i < byOperand.Count; i++)
            {
                var operand = node.Operands[i].Index;
                if (depends[operand])
                {
                    var gradient = byOperand[i]
                        ?? throw new GradientUndefinedException($"Operand {i + 1} of {byOperand.Count} of {node.Op}");
                    gradients[operand] = Accumulate(gradients[operand], gradient);
                }
            }
        }

        return [.. targets.Select(target => gradients[target.Index]
            ?? graph.Splat(target.Shape, 0, target.DType))];
    }

    private static IReadOnlyList<Node?> ByOperand(
        Node node, Node? upstream, Dictionary<int, Node>? ofLoop, bool[] depends,
        Func<OpCode, Func<GradientCall, IReadOnlyList<Node?>>?> rules)
    {
        if (node.Op == OpCode.Scan)
        {
            bool[] wanted = [.. node.Operands.Select(operand => depends[operand.Index])];
            return ofLoop is null
                ? []
                : [.. ScanGradient.Build(node, ofLoop, wanted).Select((gradient, i) => gradient
                    ?? (wanted[i] ? node.Graph.Splat(node.Operands[i].Shape, 0, node.Operands[i].DType) : null))];
        }

        if (upstream is null)
        {
            return [];
        }

        var rule = rules(node.Op) ?? throw new GradientUndefinedException($"{node.Op}");
        var byOperand = rule(new GradientCall(node, upstream));
        RequireOnePerOperand(node, byOperand);
        return byOperand;
    }

    /// <summary>Collects the gradients of a loop's results until the loop itself is reached.</summary>
    private static void HandToLoop(Dictionary<int, Dictionary<int, Node>> loops, Node result, Node gradient)
    {
        var scan = result.Operands[0].Index;
        if (!loops.TryGetValue(scan, out var ofLoop))
        {
            loops.Add(scan, ofLoop = []);
        }

        ofLoop[result.Attributes.Start] = Accumulate(ofLoop.GetValueOrDefault(result.Attributes.Start), gradient);
    }

    /// <summary>Refuses a rule whose gradients are not one per operand, each null or of its operand's shape.</summary>
    private static void RequireOnePerOperand(Node node, IReadOnlyList<Node?> gradients)
    {
        if (gradients.Count != node.Operands.Count)
        {
            throw new TensorShapeException(
                $"Gradient of {node}", "the number of gradients", $"{gradients.Count}",
                $"{node.Operands.Count}, one per operand");
        }

        for (var i = 0; i < gradients.Count; i++)
        {
            if (gradients[i] is { } gradient && !gradient.Shape.Equals(node.Operands[i].Shape))
            {
                throw new TensorShapeException(
                    $"Gradient of {node}", $"operand {i + 1} of {gradients.Count}", $"{gradient.Shape}",
                    $"{node.Operands[i].Shape}");
            }

            if (gradients[i] is { } typed && typed.DType != node.Operands[i].DType)
            {
                throw new TensorShapeException(
                    $"Gradient of {node}", $"type of operand {i + 1}", $"{typed.DType}", $"{node.Operands[i].DType}");
            }
        }
    }

    /// <summary>
    /// Returns for each node whether it depends on a target differentiably; only real numbers have a slope.
    /// </summary>
    internal static bool[] DependsOn(Graph graph, int last, IReadOnlyList<Node> targets)
    {
        var depends = new bool[graph.Nodes.Count];
        foreach (var target in targets)
        {
            depends[target.Index] = true;
        }

        for (var index = 0; index <= last; index++)
        {
            var node = graph.Nodes[index];
            foreach (var operand in node.DType.IsFloat() || node.Op == OpCode.Scan ? node.Operands : [])
            {
                depends[index] |= depends[operand.Index];
            }
        }

        return depends;
    }

    /// <summary>
    /// Sums two gradients of one node. A scatter into zeros scatters into the other gradient instead, which saves a
    /// table-sized buffer and a pass over it: the embedding of a tied model accumulates its two gradients this way.
    /// </summary>
    private static Node Accumulate(Node? sum, Node gradient)
    {
        if (sum is null)
        {
            return gradient;
        }

        return IsScatterIntoZeros(gradient)
            ? gradient.Graph.ScatterAdd(sum, gradient.Operands[1], gradient.Operands[2])
            : gradient.Graph.Add(sum, gradient);
    }

    private static bool IsScatterIntoZeros(Node node) =>
        node.Op == OpCode.ScatterAdd
        && node.Operands[0] is { Op: OpCode.Splat, Attributes.Scalar: 0 };
}
