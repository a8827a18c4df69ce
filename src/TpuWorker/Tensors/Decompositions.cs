namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// Builds composites from primitives, for targets whose compiler fuses them again. Labels are found by comparing them
/// with the index, which splits over devices along the vocabulary, unlike a lookup.
/// </summary>
internal static class Decompositions
{
    private const float GeluInner = 0.044715f;
    private static readonly float GeluOuter = (float)Math.Sqrt(2 / Math.PI);

    public static Node Softmax(Decomposition d)
    {
        var last = d[0].Shape.Rank - 1;
        var powers = d.Graph.Exp(d.Graph.Subtract(d[0], d.Graph.ReduceMax(d[0], last)));
        return d.Graph.Divide(powers, d.Graph.ReduceSum(powers, last));
    }

    public static Node SoftmaxGradient(Decomposition d)
    {
        var g = d.Graph;
        var dot = g.ReduceSum(g.Multiply(d[0], d[1]), d[0].Shape.Rank - 1);
        return g.Multiply(d[0], g.Subtract(d[1], dot));
    }

    public static Node RmsNorm(Decomposition d) =>
        d.Graph.Multiply(d.Graph.Multiply(d[0], InverseRms(d)), OnePlus(d.Graph, d[1]));

    public static Node RmsNormGradient(Decomposition d)
    {
        var g = d.Graph;
        var inverse = InverseRms(d);
        var scaled = g.Multiply(d[2], OnePlus(g, d[1]));
        var normed = g.Multiply(d[0], inverse);
        var last = d[0].Shape.Rank - 1;
        var mean = g.Scale(g.ReduceSum(g.Multiply(scaled, normed), last), 1f / d[0].Shape[^1]);
        return g.Multiply(inverse, g.Subtract(scaled, g.Multiply(normed, mean)));
    }

    public static Node RmsNormScaleGradient(Decomposition d)
    {
        var g = d.Graph;
        var byElement = g.Multiply(d[1], g.Multiply(d[0], InverseRms(d)));
        var leading = Enumerable.Range(0, d[0].Shape.Rank - 1).ToArray();
        var sum = leading.Length == 0 ? byElement : g.ReduceSum(byElement, leading);
        return g.Reshape(sum, new Shape(d[0].Shape[^1]));
    }

    public static Node GeluTanh(Decomposition d)
    {
        var (g, x) = (d.Graph, d[0]);
        var one = One(g, x);
        var inner = g.Multiply(x, g.Add(one, g.Scale(g.Multiply(x, x), GeluInner)));
        return g.Multiply(g.Scale(x, 0.5f), g.Add(one, g.Tanh(g.Scale(inner, GeluOuter))));
    }

    public static Node GeluTanhGradient(Decomposition d)
    {
        var (g, x) = (d.Graph, d[0]);
        var (one, square) = (One(g, x), g.Multiply(x, x));
        var tanh = g.Tanh(g.Scale(g.Multiply(x, g.Add(one, g.Scale(square, GeluInner))), GeluOuter));
        var slope = g.Scale(g.Add(one, g.Scale(square, 3 * GeluInner)), GeluOuter);
        var bent = g.Multiply(g.Multiply(x, g.Subtract(one, g.Multiply(tanh, tanh))), slope);
        return g.Multiply(g.Scale(d[1], 0.5f), g.Add(g.Add(one, tanh), bent));
    }

    public static Node Rope(Decomposition d)
    {
        var (g, shape) = (d.Graph, d[0].Shape);
        var half = shape[3] / 2;
        var table = new Shape(shape[0], shape[1], 1, half);
        var (cosines, sines) = (g.Reshape(d[1], table), g.Reshape(d[2], table));
        sines = d.Attributes.Inverse ? g.Negate(sines) : sines;
        var (first, second) = (g.Slice(d[0], 3, 0, half), g.Slice(d[0], 3, half, half));
        return g.Concat(
            3,
            g.Subtract(g.Multiply(first, cosines), g.Multiply(second, sines)),
            g.Add(g.Multiply(second, cosines), g.Multiply(first, sines)));
    }

    public static Node CrossEntropy(Decomposition d)
    {
        var (g, logits) = (d.Graph, d[0]);
        var largest = g.ReduceMax(logits, 1);
        var sum = g.ReduceSum(g.Exp(g.Subtract(logits, largest)), 1);
        var chosen = g.ReduceSum(g.Select(IsLabel(d), logits, g.Splat(Shape.Scalar, 0)), 1);
        return g.Reshape(g.Subtract(g.Add(g.Log(sum), largest), chosen), d[1].Shape);
    }

    public static Node CrossEntropyGradient(Decomposition d)
    {
        var g = d.Graph;
        var hot = g.Convert(IsLabel(d), DType.Float32);
        var upstream = g.Reshape(d[2], new Shape(d[2].Shape[0], 1));
        return g.Multiply(g.Subtract(Softmax(d), hot), upstream);
    }

    public static Node Dropout(Decomposition d)
    {
        var stream = UInt(d.Graph, unchecked((uint)d.Attributes.Start));
        return HashedDropout.Apply(d.Graph, d[0], d[1], stream, d.Attributes.Scalar);
    }

    /// <summary>Builds the first index of the largest: N minus the largest of N - i over all i that hold the
    /// largest.</summary>
    public static Node ArgMax(Decomposition d) => ArgMax(d.Graph, d[0]);

    /// <summary>Builds the largest repeatedly, each time without those that were found.</summary>
    public static Node TopK(Decomposition d)
    {
        var (g, left, found) = (d.Graph, d[0], new List<Node>());
        var last = left.Shape.Rank - 1;
        var index = g.Iota(left.Shape, last);
        var none = g.Splat(Shape.Scalar, float.NegativeInfinity, left.DType);
        for (var i = 0; i < d.Attributes.Length; i++)
        {
            found.Add(ArgMax(g, left));
            left = g.Select(g.Compare(index, Comparison.Equal, found[^1]), none, left);
        }

        return g.Concat(last, found);
    }

    private static Node ArgMax(Graph g, Node x)
    {
        var (last, size) = (x.Shape.Rank - 1, x.Shape[^1]);
        var isLargest = g.Compare(x, Comparison.Equal, g.ReduceMax(x, last));
        var fromEnd = g.Subtract(g.Splat(Shape.Scalar, size, DType.Int32), g.Iota(x.Shape, last));
        var farthest = g.ReduceMax(g.Select(isLargest, fromEnd, g.Splat(Shape.Scalar, 1, DType.Int32)), last);
        return g.Subtract(g.Splat(Shape.Scalar, size, DType.Int32), farthest);
    }

    private static Node InverseRms(Decomposition d)
    {
        var g = d.Graph;
        var (last, width) = (d[0].Shape.Rank - 1, d[0].Shape[^1]);
        var mean = g.Scale(g.ReduceSum(g.Multiply(d[0], d[0]), last), 1f / width);
        var root = g.Sqrt(g.Add(mean, g.Splat(Shape.Scalar, d.Attributes.Scalar)));
        return g.Divide(One(g, root), root);
    }

    private static Node OnePlus(Graph g, Node scale) => g.Add(scale, One(g, scale));

    private static Node IsLabel(Decomposition d)
    {
        var labels = d.Graph.Reshape(d[1], new Shape(d[1].Shape[0], 1));
        return d.Graph.Compare(d.Graph.Iota(d[0].Shape, 1), Comparison.Equal, labels);
    }

    private static Node One(Graph g, Node like) => g.Splat(Shape.Scalar, 1, like.DType);

    private static Node UInt(Graph g, uint value) => g.Constant(HostTensor.OfUInt32(Shape.Scalar, [value]));
}
