using System.Globalization;

namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// Builds a loop of a graph: pass the values of the surrounding graph, build one round from the nodes of
/// <see cref="Body"/> that are returned for them, and select the results. The order of slices is that of the first
/// axis, even if the loop runs backwards.
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
    /// <param name="outer">The graph that contains the loop.</param>
    /// <param name="count">Rounds, 1 or more.</param>
    /// <param name="reverse">Runs from the last slice to the first.</param>
    /// <param name="recompute">true if the gradient recomputes a round instead of keeping its values.</param>
    public ScanBuilder(Graph outer, int count, bool reverse = false, bool recompute = true)
    {
        (_outer, _count, _reverse, _recompute) = (outer, count, reverse, recompute);
        Index = Body.Input("index", Shape.Scalar, DType.Int32);
    }

    /// <summary>Gets the graph of one round.</summary>
    public Graph Body { get; } = new();

    /// <summary>Gets the number of the round's slice, a scalar of Int32.</summary>
    public Node Index { get; }

    /// <summary>Carries a value from round to round.</summary>
    /// <param name="initial">Its value before the first round.</param>
    /// <returns>The value in a round, a node of the body.</returns>
    public Node Carry(Node initial) => Take(ScanOperand.Carried, initial, initial.Shape);

    /// <summary>Passes each round one slice along the first axis.</summary>
    /// <param name="stacked">[Count, ...].</param>
    /// <returns>The slice [...], a node of the body.</returns>
    /// <exception cref="TensorShapeException">The first axis does not have as many slices as the loop has
    /// rounds.</exception>
    public Node Slice(Node stacked)
    {
        if (stacked.Shape.Rank == 0 || stacked.Shape[0] != _count)
        {
            throw new TensorShapeException("Scan", "sliced operand", $"{stacked.Shape}", $"[{_count}, ...]");
        }

        return Take(ScanOperand.Sliced, stacked, new Shape(stacked.Shape.Dimensions[1..]));
    }

    /// <summary>Passes each round a value unchanged.</summary>
    /// <param name="value">The value.</param>
    /// <returns>The same value as a node of the body; every call for a value returns the same node.</returns>
    public Node Share(Node value)
    {
        var known = _operands.Find(
            operand => operand.Kind == ScanOperand.Shared && ReferenceEquals(operand.Outer, value));
        return known.Inner ?? Take(ScanOperand.Shared, value, value.Shape);
    }

    /// <summary>Sets the value of a carried value in the next round.</summary>
    /// <param name="carried">A node of <see cref="Carry"/>.</param>
    /// <param name="next">A node of the body, of its shape and type.</param>
    public void Next(Node carried, Node next) => _next[carried] = next;

    /// <summary>Returns a carried value after the last round.</summary>
    /// <param name="carried">A node of <see cref="Carry"/>.</param>
    /// <returns>A node of the surrounding graph.</returns>
    public Node Final(Node carried)
    {
        var scan = Finished();
        var place = _operands.Where(operand => operand.Kind == ScanOperand.Carried)
            .Select(operand => operand.Inner).ToList().IndexOf(carried);
        return _outer.Append(OpCode.ScanResult, [scan], new OpAttributes { Start = place });
    }

    /// <summary>Returns a value of every round.</summary>
    /// <param name="value">A node of the body.</param>
    /// <returns>[Count, ...], a node of the surrounding graph.</returns>
    public Node Stacked(Node value)
    {
        var scan = Finished();
        return _outer.Append(
            OpCode.ScanResult, [scan], new OpAttributes { Start = scan.Attributes.Loop!.Keep(value) });
    }

    /// <summary>Adds the loop to the graph when the first result is requested; the body is then complete.</summary>
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
