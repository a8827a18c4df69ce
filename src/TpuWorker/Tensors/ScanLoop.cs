namespace Workflows.TpuWorker.Tensors;

/// <summary>The roles of an operand in a loop.</summary>
public enum ScanOperand
{
    /// <summary>Its value begins as the operand; each round computes the value of the next one.</summary>
    Carried,

    /// <summary>Each round gets one slice along the first axis, which is dropped.</summary>
    Sliced,

    /// <summary>Each round gets all of it.</summary>
    Shared,
}

/// <summary>
/// A loop with a fixed number of rounds. The body's inputs are the number of the round, a scalar of Int32, and then one
/// for each operand; its outputs are the next carried values, and then values that are kept from every round, stacked
/// along a new first axis. The <see cref="OpCode.ScanResult"/> nodes show which of those a program uses, and only those
/// have a cost, so the loop's gradient can request more of them afterwards.
/// </summary>
/// <param name="Body">One round.</param>
/// <param name="Count">Rounds, 1 or more.</param>
/// <param name="Kinds">The role of each operand.</param>
/// <param name="Reverse">true if the rounds run from the last slice to the first.</param>
/// <param name="Recompute">
/// true if the gradient recomputes a round's values from the values carried into it (Chen et al. 2016), instead of
/// keeping all of them.
/// </param>
public sealed record ScanLoop(
    Graph Body, int Count, IReadOnlyList<ScanOperand> Kinds, bool Reverse, bool Recompute)
{
    /// <summary>Gets the number of carried values: the first outputs of the body.</summary>
    public int CarriedCount => Kinds.Count(kind => kind == ScanOperand.Carried);

    /// <summary>Gets the shape of a value of every round.</summary>
    /// <param name="shape">The value's shape.</param>
    /// <returns>[Count, ...].</returns>
    public Shape Stacked(Shape shape) => new([Count, .. shape.Dimensions]);

    /// <summary>Keeps a value of the body from every round, unless it is kept already.</summary>
    /// <param name="value">A node of the body.</param>
    /// <returns>The number of the loop's result.</returns>
    internal int Keep(Node value)
    {
        for (var i = CarriedCount; i < Body.Outputs.Count; i++)
        {
            if (ReferenceEquals(Body.Outputs[i].Value, value))
            {
                return i;
            }
        }

        Body.Output($"kept.{Body.Outputs.Count}", value);
        return Body.Outputs.Count - 1;
    }
}
