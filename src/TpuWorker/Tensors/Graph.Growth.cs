namespace Workflows.TpuWorker.Tensors;

/// <summary>State, conversions, comparisons, choices and indices.</summary>
public sealed partial class Graph
{
    private readonly Dictionary<Node, string> _updates = [];

    /// <summary>Gets, for each state that the program updates, the name of the output that replaces it.</summary>
    public IReadOnlyDictionary<Node, string> Updates => _updates;

    /// <summary>
    /// Declares a tensor that the program keeps from run to run: an input that an output replaces.
    /// </summary>
    /// <param name="name">A name that no other input has.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="type">Its element type.</param>
    /// <returns>The value before the run.</returns>
    public Node State(string name, Shape shape, DType type = DType.Float32)
    {
        RequireNewInput(name);
        var node = Append(
            OpCode.Input, [], new OpAttributes { Name = name, Shape = shape, DType = type, IsState = true });
        _inputs.Add(node);
        return node;
    }

    /// <summary>
    /// Sets the value of a state after the run, as an output with the state's name. A target that supports it reuses
    /// the old value's memory for the new one, so the old one is gone afterwards.
    /// </summary>
    /// <param name="state">A node of <see cref="State"/>.</param>
    /// <param name="next">The new value, of its shape and type.</param>
    /// <exception cref="TensorShapeException">The node is no state, or has been updated, or the value has another shape
    /// or type.</exception>
    public void Update(Node state, Node next)
    {
        if (!state.Attributes.IsState || _updates.ContainsKey(state))
        {
            throw new TensorShapeException(
                "Update", "state", state.Attributes.IsState ? $"'{state.Attributes.Name}', updated" : $"{state.Op}",
                "a state that has no update yet");
        }

        if (next.DType != state.DType || !next.Shape.Equals(state.Shape))
        {
            throw new TensorShapeException(
                "Update", $"'{state.Attributes.Name}'", $"{next.DType}{next.Shape}", $"{state.DType}{state.Shape}");
        }

        Output(state.Attributes.Name!, next);
        _updates.Add(state, state.Attributes.Name!);
    }

    /// <summary>Adds the sine of x, element by element.</summary>
    /// <param name="value">x in radians, of any shape.</param>
    /// <returns>The new node, of the same shape.</returns>
    public Node Sine(Node value) => Append(OpCode.Sine, [value]);

    /// <summary>Adds the cosine of x, element by element.</summary>
    /// <param name="value">x in radians, of any shape.</param>
    /// <returns>The new node, of the same shape.</returns>
    public Node Cosine(Node value) => Append(OpCode.Cosine, [value]);

    /// <summary>Adds x in another element type, rounded to nearest; Booleans become 0 and 1.</summary>
    /// <param name="value">x, of any shape.</param>
    /// <param name="type">The type.</param>
    /// <returns>The new node; the same one if it has that type already.</returns>
    public Node Convert(Node value, DType type) => value.DType == type
        ? value
        : Append(OpCode.Convert, [value], new OpAttributes { DType = type });

    /// <summary>Adds the index along one axis.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="type">The element type.</param>
    /// <returns>The new node.</returns>
    public Node Iota(Shape shape, int axis, DType type = DType.Int32) =>
        Append(OpCode.Iota, [], new OpAttributes { Shape = shape, Axis = axis, DType = type });

    /// <summary>Adds the result of a comparison, element by element.</summary>
    /// <param name="left">The left operand, [...].</param>
    /// <param name="comparison">The comparison.</param>
    /// <param name="right">The right operand, of the same type and a shape that broadcasts with the left one.</param>
    /// <returns>The new node, Bool, of the common shape.</returns>
    public Node Compare(Node left, Comparison comparison, Node right) =>
        Append(OpCode.Compare, [left, right], new OpAttributes { Comparison = comparison });

    /// <summary>Adds a selection of one of two values, element by element.</summary>
    /// <param name="condition">Bool.</param>
    /// <param name="whenTrue">The value for true.</param>
    /// <param name="whenFalse">The value for false, of the same type; all three broadcast.</param>
    /// <returns>The new node, of the common shape.</returns>
    public Node Select(Node condition, Node whenTrue, Node whenFalse) =>
        Append(OpCode.Select, [condition, whenTrue, whenFalse]);

    /// <summary>Adds a and b: logical for Booleans, bitwise for numbers.</summary>
    /// <param name="left">The left operand, Bool or UInt32.</param>
    /// <param name="right">The right operand, of the same type and a shape that broadcasts with the left one.</param>
    /// <returns>The new node, of the common shape.</returns>
    public Node And(Node left, Node right) => Append(OpCode.And, [left, right]);

    /// <summary>Adds a exclusive-or b: logical for Booleans, bitwise for numbers.</summary>
    /// <param name="left">The left operand, Bool or UInt32.</param>
    /// <param name="right">The right operand, of the same type and a shape that broadcasts with the left one.</param>
    /// <returns>The new node, of the common shape.</returns>
    public Node Xor(Node left, Node right) => Append(OpCode.Xor, [left, right]);

    /// <summary>Adds a shifted right logically.</summary>
    /// <param name="value">UInt32.</param>
    /// <param name="places">UInt32, each below 32.</param>
    /// <returns>The new node, of the common shape.</returns>
    public Node ShiftRight(Node value, Node places) => Append(OpCode.ShiftRight, [value, places]);

    /// <summary>Adds the larger of a and b; NaN if one is NaN.</summary>
    /// <param name="left">The left operand, [...].</param>
    /// <param name="right">The right operand, of the same type and a shape that broadcasts with the left one.</param>
    /// <returns>The new node, of the common shape.</returns>
    public Node Maximum(Node left, Node right) => Append(OpCode.Maximum, [left, right]);

    /// <summary>Adds the smaller of a and b; NaN if one is NaN.</summary>
    /// <param name="left">The left operand, [...].</param>
    /// <param name="right">The right operand, of the same type and a shape that broadcasts with the left one.</param>
    /// <returns>The new node, of the common shape.</returns>
    public Node Minimum(Node left, Node right) => Append(OpCode.Minimum, [left, right]);

    /// <summary>Adds the maximum over axes, which are kept with size 1.</summary>
    /// <param name="value">The tensor.</param>
    /// <param name="axes">The axes, ascending.</param>
    /// <returns>The new node.</returns>
    public Node ReduceMax(Node value, params IReadOnlyList<int> axes) =>
        Append(OpCode.ReduceMax, [value], new OpAttributes { Axes = axes });

    /// <summary>Adds the index of the maximum over the last axis; the first of equals.</summary>
    /// <param name="value">[..., N] of real numbers.</param>
    /// <returns>The new node, Int32 [..., 1].</returns>
    public Node ArgMax(Node value) => Append(OpCode.ArgMax, [value]);

    /// <summary>
    /// Adds the indices of the largest over the last axis, the largest first, the first of equals first.
    /// </summary>
    /// <param name="value">[..., N] of finite numbers.</param>
    /// <param name="count">Number of indices, 1 to N; a few, since each costs a pass over the numbers.</param>
    /// <returns>The new node, Int32 [..., count].</returns>
    public Node TopK(Node value, int count) => Append(OpCode.TopK, [value], new OpAttributes { Length = count });

    /// <summary>Takes a range of one axis.</summary>
    /// <param name="value">The tensor.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="start">The first index, a scalar of Int32; the range must lie within the axis.</param>
    /// <param name="length">The number of indices, 1 or more.</param>
    /// <returns>The new node.</returns>
    public Node DynamicSlice(Node value, int axis, Node start, int length) =>
        Append(OpCode.DynamicSlice, [value, start], new OpAttributes { Axis = axis, Length = length });

    /// <summary>Replaces a range of one axis.</summary>
    /// <param name="value">The tensor.</param>
    /// <param name="update">The range, of the tensor's shape except for the axis.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="start">The first index, a scalar of Int32; the range must lie within the axis.</param>
    /// <returns>The new node.</returns>
    public Node DynamicUpdateSlice(Node value, Node update, int axis, Node start) =>
        Append(OpCode.DynamicUpdateSlice, [value, update, start], new OpAttributes { Axis = axis });

    /// <summary>
    /// Adds a barrier for optimizations: values recomputed from it are not merged with values computed before, and
    /// nothing of it is moved out of a loop.
    /// </summary>
    /// <param name="value">The value.</param>
    /// <returns>The new node, equal to it.</returns>
    public Node Barrier(Node value) => Append(OpCode.Barrier, [value]);

    private void RequireNewInput(string name)
    {
        if (_inputs.Any(input => input.Attributes.Name == name))
        {
            throw new TensorShapeException("Input", "name", $"'{name}', taken", "a new name");
        }
    }
}
