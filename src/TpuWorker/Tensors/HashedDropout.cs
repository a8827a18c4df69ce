namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// Builds <see cref="DropoutMask"/> from primitives, with the stream's number given at run time, so that each round of
/// a loop can have its own.
/// </summary>
public static class HashedDropout
{
    /// <summary>Sets a share of the elements to 0 and multiplies the others by 1 / (1 - share).</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="value">The tensor, of real numbers, of at most 2^32 elements.</param>
    /// <param name="seed">Int32 [1].</param>
    /// <param name="stream">Number of this dropout, a scalar of UInt32.</param>
    /// <param name="share">The share, 0 to below 1.</param>
    /// <returns>The new node, of the value's shape and type.</returns>
    /// <exception cref="TensorShapeException">The tensor has more elements.</exception>
    public static Node Apply(Graph graph, Node value, Node seed, Node stream, float share)
    {
        if (value.Shape.ElementCount > 1L << 32)
        {
            throw new TensorShapeException("Dropout", "operand 0", $"{value.Shape}", "at most 2^32 elements");
        }

        var first = graph.Convert(graph.Reshape(seed, Shape.Scalar), DType.UInt32);
        var start = Mix(graph, graph.Add(first, Mix(graph, graph.Add(stream, UInt(graph, 0x9E3779B9)))));
        var hash = Mix(graph, graph.Xor(LinearIndex(graph, value.Shape), Mix(graph, start)));
        var isKept = graph.Compare(
            hash, Comparison.GreaterOrEqual, UInt(graph, DropoutMask.Threshold(share)));
        var kept = graph.Scale(value, 1 / (1 - share));
        return graph.Select(isKept, kept, graph.Splat(Shape.Scalar, 0, value.DType));
    }

    private static Node LinearIndex(Graph graph, Shape shape)
    {
        var index = graph.Splat(Shape.Scalar, 0, DType.UInt32);
        var stride = 1L;
        for (var axis = shape.Rank - 1; axis >= 0; axis--)
        {
            var along = graph.Iota(shape, axis, DType.UInt32);
            index = graph.Add(index, graph.Multiply(along, UInt(graph, unchecked((uint)stride))));
            stride *= shape[axis];
        }

        return index;
    }

    // The finalizer of MurmurHash3 (Appleby), as in DropoutMask.
    private static Node Mix(Graph g, Node value)
    {
        value = g.Multiply(g.Xor(value, g.ShiftRight(value, UInt(g, 16))), UInt(g, 0x85EBCA6B));
        value = g.Multiply(g.Xor(value, g.ShiftRight(value, UInt(g, 13))), UInt(g, 0xC2B2AE35));
        return g.Xor(value, g.ShiftRight(value, UInt(g, 16)));
    }

    private static Node UInt(Graph graph, uint value) => graph.Constant(HostTensor.OfUInt32(Shape.Scalar, [value]));
}
