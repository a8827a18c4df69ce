namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// Builds the gradient of a loop, which is a loop in the other direction. Its round contains the forward round,
/// recomputed from the values that were carried into it (or read from those kept, see
/// <see cref="ScanLoop.Recompute"/>), and that round's gradients. It carries the gradients of the carried values, and
/// sums of those of the shared ones; the gradients of slices are stacked.
/// </summary>
internal static class ScanGradient
{
    /// <param name="scan">The loop.</param>
    /// <param name="upstream">Gradient by each of its results, if there is one.</param>
    /// <param name="wanted">For each operand, whether its gradient is wanted.</param>
    /// <returns>One per operand; null if it is not wanted or no result depends on it.</returns>
    public static Node?[] Build(Node scan, IReadOnlyDictionary<int, Node> upstream, bool[] wanted)
    {
        var (outer, loop) = (scan.Graph, scan.Attributes.Loop!);
        var active = Active(loop, wanted);
        var back = new ScanBuilder(outer, loop.Count, !loop.Reverse, recompute: false);

        // Builds the round and its gradients first in a separate graph, to find the nodes that the gradients need.
        var scratch = new Graph();
        var forward = new Node[loop.Body.Nodes.Count];
        foreach (var node in loop.Body.Nodes)
        {
            forward[node.Index] = GraphCopy.Into(
                scratch, node, [.. node.Operands.Select(operand => forward[operand.Index])]);
        }

        var ways = new Dictionary<Node, Node>();
        var results = new List<(Node Result, Node Seed)>();
        void AddResult(int output, Node gradient)
        {
            var result = forward[loop.Body.Outputs[output].Value.Index];
            var seed = scratch.Input($"seed.{output}", result.Shape, result.DType);
            ways.Add(seed, gradient);
            results.Add((result, seed));
        }

        var carried = CarriedOperands(loop);
        var carries = new Dictionary<int, Node>();
        for (var k = 0; k < carried.Length; k++)
        {
            if (active[carried[k]])
            {
                var value = loop.Body.Outputs[k].Value;
                var initial = upstream.TryGetValue(k, out var given)
                    ? given : outer.Splat(value.Shape, 0, value.DType);
                carries.Add(carried[k], back.Carry(initial));
                AddResult(k, carries[carried[k]]);
            }
        }

        foreach (var (output, gradient) in upstream.OrderBy(entry => entry.Key))
        {
            if (output >= carried.Length && gradient.DType.IsFloat())
            {
                AddResult(output, back.Slice(gradient));
            }
        }

        int[] targets = [.. Enumerable.Range(0, wanted.Length).Where(i => active[i])];
        if (results.Count == 0 || targets.Length == 0)
        {
            return new Node?[wanted.Length];
        }

        var inputs = loop.Body.Inputs;
        var gradients = Autodiff.Gradients(results, [.. targets.Select(i => forward[inputs[i + 1].Index])]);
        var copies = Copy(scan, back, forward, gradients, ways);
        var byOperand = new Func<Node>?[wanted.Length];
        for (var t = 0; t < targets.Length; t++)
        {
            var (i, gradient) = (targets[t], copies[gradients[t].Index]);
            byOperand[i] = Return(scan, back, i, gradient, carries);
        }

        return [.. byOperand.Select((result, i) => wanted[i] ? result?.Invoke() : null)];
    }

    private static Func<Node> Return(
        Node scan, ScanBuilder back, int operand, Node gradient, Dictionary<int, Node> carries)
    {
        var body = back.Body;
        switch (scan.Attributes.Loop!.Kinds[operand])
        {
            case ScanOperand.Carried:
                back.Next(carries[operand], gradient);
                return () => back.Final(carries[operand]);
            case ScanOperand.Sliced:
                return () => back.Stacked(gradient);
            default:
                // Sums over the rounds are single precision for any type.
                var sum = back.Carry(scan.Graph.Splat(gradient.Shape, 0));
                back.Next(sum, body.Add(sum, body.Convert(gradient, DType.Float32)));
                return () => scan.Graph.Convert(back.Final(sum), gradient.DType);
        }
    }

    /// <summary>
    /// Copies the nodes of the gradients into the round, and forward nodes only as far as they are not kept.
    /// </summary>
    private static Node[] Copy(
        Node scan, ScanBuilder back, Node[] forward, Node[] gradients, Dictionary<Node, Node> ways)
    {
        var (loop, scratch) = (scan.Attributes.Loop!, gradients[0].Graph);
        var isForward = new Dictionary<Node, Node>();
        foreach (var node in loop.Body.Nodes)
        {
            isForward[forward[node.Index]] = node;
        }

        bool IsKept(Node node) => isForward.ContainsKey(node) && node.Op != OpCode.Input
            && !loop.Recompute && !IsCheap(node);
        var needed = new bool[scratch.Nodes.Count];
        foreach (var gradient in gradients)
        {
            needed[gradient.Index] = true;
        }

        for (var index = needed.Length - 1; index >= 0; index--)
        {
            if (needed[index] && !IsKept(scratch.Nodes[index]))
            {
                foreach (var operand in scratch.Nodes[index].Operands)
                {
                    needed[operand.Index] = true;
                }
            }
        }

        var copies = new Node[scratch.Nodes.Count];
        foreach (var node in scratch.Nodes.Where(node => needed[node.Index]))
        {
            copies[node.Index] = ways.TryGetValue(node, out var seed) ? seed
                : node.Op == OpCode.Input ? InputOf(scan, back, isForward[node])
                : IsKept(node) ? Kept(scan, back, isForward[node])
                : GraphCopy.Into(back.Body, node, [.. node.Operands.Select(operand => copies[operand.Index])]);
        }

        return copies;
    }

    private static Node InputOf(Node scan, ScanBuilder back, Node input)
    {
        var loop = scan.Attributes.Loop!;
        var place = 0;
        while (!ReferenceEquals(loop.Body.Inputs[place], input))
        {
            place++;
        }

        if (place == 0)
        {
            return back.Index;
        }

        var outer = scan.Operands[place - 1];
        return loop.Kinds[place - 1] switch
        {
            ScanOperand.Carried => Kept(scan, back, input),
            ScanOperand.Sliced => back.Slice(outer),
            _ => back.Share(outer),
        };
    }

    private static Node Kept(Node scan, ScanBuilder back, Node value)
    {
        var result = scan.Graph.Append(
            OpCode.ScanResult, [scan], new OpAttributes { Start = scan.Attributes.Loop!.Keep(value) });
        return back.Body.Barrier(back.Slice(result));
    }

    private static bool IsCheap(Node node) => node.Op is OpCode.Constant or OpCode.Splat or OpCode.Iota
        or OpCode.Reshape or OpCode.BroadcastTo or OpCode.Transpose or OpCode.Scan or OpCode.ScanResult;

    private static int[] CarriedOperands(ScanLoop loop) =>
        [.. Enumerable.Range(0, loop.Kinds.Count).Where(i => loop.Kinds[i] == ScanOperand.Carried)];

    /// <summary>
    /// Finds the operands with a gradient: the wanted ones, and carried values that depend on one of those in some
    /// round.
    /// </summary>
    private static bool[] Active(ScanLoop loop, bool[] wanted)
    {
        var carried = CarriedOperands(loop);
        bool[] active = [.. wanted.Select((is_, i) => is_ && loop.Body.Inputs[i + 1].DType.IsFloat())];
        while (true)
        {
            Node[] sources = [.. loop.Body.Inputs.Skip(1).Where((_, i) => active[i])];
            var depends = Autodiff.DependsOn(loop.Body, loop.Body.Nodes.Count - 1, sources);
            var more = Enumerable.Range(0, carried.Length).FirstOrDefault(
                k => !active[carried[k]] && depends[loop.Body.Outputs[k].Value.Index], -1);
            if (more < 0)
            {
                return active;
            }

            active[carried[more]] = true;
        }
    }
}
