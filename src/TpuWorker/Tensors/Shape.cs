namespace Workflows.TpuWorker.Tensors;

/// <summary>Fixed sizes of a tensor, outermost first. Rank 0 is a scalar. Value equality; never changes.</summary>
internal sealed class Shape : IEquatable<Shape>
{
    private readonly int[] _dimensions;

    public Shape(params ReadOnlySpan<int> dimensions)
    {
        foreach (var dimension in dimensions)
        {
            if (dimension < 0)
            {
                throw new TensorShapeException("Shape", "dimension", $"{dimension}", "0 or more");
            }
        }

        _dimensions = dimensions.ToArray();
    }

    public static Shape Scalar { get; } = new();

    public int Rank => _dimensions.Length;

    public ReadOnlySpan<int> Dimensions => _dimensions;

    public int Count
    {
        get
        {
            var count = 1L;
            foreach (var dimension in _dimensions)
            {
                count *= dimension;
            }

            return checked((int)count);
        }
    }

    public int this[Index index] => _dimensions[index];

    /// <summary>Row-major strides in elements.</summary>
    public int[] Strides()
    {
        var strides = new int[Rank];
        var stride = 1;
        for (var i = Rank - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= _dimensions[i];
        }

        return strides;
    }

    /// <summary>Product of all dimensions but the last; 1 for rank 0 and 1.</summary>
    public int LeadingCount() => Rank == 0 ? 1 : new Shape(_dimensions.AsSpan(0, Rank - 1)).Count;

    /// <summary>The common shape of two operands by NumPy's rules, or null where a dimension disagrees.</summary>
    public static Shape? Broadcast(Shape left, Shape right)
    {
        var rank = Math.Max(left.Rank, right.Rank);
        var result = new int[rank];
        for (var i = 1; i <= rank; i++)
        {
            var a = i <= left.Rank ? left[^i] : 1;
            var b = i <= right.Rank ? right[^i] : 1;
            if (a != b && a != 1 && b != 1)
            {
                return null;
            }

            result[^i] = a == 1 ? b : a;
        }

        return new Shape(result);
    }

    public bool Equals(Shape? other) => other is not null && Dimensions.SequenceEqual(other.Dimensions);

    public override bool Equals(object? obj) => Equals(obj as Shape);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var dimension in _dimensions)
        {
            hash.Add(dimension);
        }

        return hash.ToHashCode();
    }

    public override string ToString() => $"[{string.Join(", ", _dimensions)}]";
}
