using System.Globalization;

namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// Builds a loop of a graph: hand it the values of the graph around it, build one round from the nodes of
/// <see cref="Body"/> that it gives for them, and pick the results. The order of slices is that of the first axis, also
/// where the loop runs backwards.
/// </summary>
public sealed class ScanBuilder
{
    private readonly Graph _outer;
    private readonly int _count;
    private readonly bool _reverse;
    private readonly bool _recompute;
    private readonly List<(ScanOperand Kind, Node Outer, Node Inner)> _operands = [];
    private readonly Dictionary<Node, Node> _next = [];
    private Node? _scan;

    /// <summary>Begins a loop.</summary>
    /// <param name="outer">The graph that it becomes part of.</param>
    /// <param name="count">Rounds, 1 or more.</param>
    /// <param name="reverse">Runs from the last slice to the first.</param>
    /// <param name="recompute">Lets the gradient compute a round again instead of keeping its values.</param>
    public ScanBuilder(Graph outer, int count, bool reverse = false, bool recompute = true)
    {
        (_outer, _count, _reverse, _recompute) = (outer, count, reverse, recompute);
        Index = Body.Input("index", Shape.Scalar, DType.Int32);
    }

    /// <summary>Gets the graph of one round.</summary>
    public Graph Body { get; } = new();

    /// <summary>Gets the number of the slice that a round sees, a scalar of Int32.</summary>
    public Node Index { get; }

    /// <summary>Carries a value from round to round.</summary>
    /// <param name="initial">Its value before the first round.</param>
    /// <returns>The value that a round sees, a node of the body.</returns>
    public Node Carry(Node initial) => Take(ScanOperand.Carried, initial, initial.Shape);

    /// <summary>Shows each round one slice along the first axis.</summary>
    /// <param name="stacked">[Count, ...].</param>
    /// <returns>The slice [...], a node of the body.</returns>
    /// <exception cref="TensorShapeException">The first axis has not as many slices as the loop has rounds.</exception>
    public Node Slice(Node stacked)
    {
        if (stacked.Shape.Rank == 0 || stacked.Shape[0] != _count)
        {
            throw new TensorShapeException("Scan", "sliced operand", $"{stacked.Shape}", $"[{_count}, ...]");
        }

        return Take(ScanOperand.Sliced, stacked, new Shape(stacked.Shape.Dimensions[1..]));
    }

    /// <summary>Shows each round a value as it is.</summary>
    /// <param name="value">The value.</param>
    /// <returns>The same value as a node of the body; one for each value, however often it is asked for.</returns>
    public Node Share(Node value)
    {
        var known = _operands.Find(
            operand => operand.Kind == ScanOperand.Shared && ReferenceEquals(operand.Outer, value));
        return known.Inner ?? Take(ScanOperand.Shared, value, value.Shape);
    }

    /// <summary>Sets what a carried value is in the next round.</summary>
    /// <param name="carried">As <see cref="Carry"/> gave it.</param>
    /// <param name="next">A node of the body, of its shape and type.</param>
    public void Next(Node carried, Node next) => _next[carried] = next;

    /// <summary>Gives a carried value as it is after the last round.</summary>
    /// <param name="carried">As <see cref="Carry"/> gave it.</param>
    /// <returns>A node of the graph around the loop.</returns>
    public Node Final(Node carried)
    {
        var scan = Finished();
        var place = _operands.Where(operand => operand.Kind == ScanOperand.Carried)
            .Select(operand => operand.Inner).ToList().IndexOf(carried);
        return _outer.Append(OpCode.ScanResult, [scan], new OpAttributes { Start = place });
    }

    /// <summary>Gives a value of every round.</summary>
    /// <param name="value">A node of the body.</param>
    /// <returns>[Count, ...], a node of the graph around the loop.</returns>
    public Node Stacked(Node value)
    {
        var scan = Finished();
        return _outer.Append(
            OpCode.ScanResult, [scan], new OpAttributes { Start = scan.Attributes.Loop!.Keep(value) });
    }

    /// <summary>Adds the loop to the graph when the first result is asked for; the body is complete then.</summary>
    private Node Finished()
    {
        if (_scan is not null)
        {
            return _scan;
        }

        foreach (var (kind, _, inner) in _operands)
        {
            if (kind == ScanOperand.Carried)
            {
                Body.Output(
                    $"next.{Body.Outputs.Count}",
                    _next.TryGetValue(inner, out var next) ? next : inner);
            }
        }

        var loop = new ScanLoop(Body, _count, [.. _operands.Select(operand => operand.Kind)], _reverse, _recompute);
        _scan = _outer.Append(
            OpCode.Scan, [.. _operands.Select(operand => operand.Outer)], new OpAttributes { Loop = loop });
        return _scan;
    }

    private Node Take(ScanOperand kind, Node outer, Shape shape)
    {
        if (_scan is not null)
        {
            throw new TensorShapeException("Scan", "operand", "given after a result was asked for", "given before");
        }

        var name = string.Create(CultureInfo.InvariantCulture, $"operand.{_operands.Count}");
        var inner = Body.Input(name, shape, outer.DType);
        _operands.Add((kind, outer, inner));
        return inner;
    }
}
