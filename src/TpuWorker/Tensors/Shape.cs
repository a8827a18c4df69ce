namespace Workflows.TpuWorker.Tensors;

/// <summary>The sizes of a tensor, outermost first. Rank 0 is a scalar. Value equality; immutable.</summary>
public sealed class Shape : IEquatable<Shape>
{
    private readonly int[] _dimensions;

    /// <summary>Creates a shape.</summary>
    /// <param name="dimensions">The sizes, outermost first, each 0 or more; none for a scalar.</param>
    /// <exception cref="TensorShapeException">A size is negative.</exception>
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

    /// <summary>Gets the shape of a single number: rank 0.</summary>
    public static Shape Scalar { get; } = new();

    /// <summary>Gets the number of dimensions.</summary>
    public int Rank => _dimensions.Length;

    /// <summary>Gets the sizes, outermost first.</summary>
    public ReadOnlySpan<int> Dimensions => _dimensions;

    /// <summary>Gets the number of elements; 1 for a scalar.</summary>
    /// <exception cref="OverflowException">There are more than 2^31 - 1: see <see cref="ElementCount"/>.</exception>
    public int Count => checked((int)ElementCount);

    /// <summary>Gets the number of elements, which may be more than an array of one machine holds.</summary>
    /// <exception cref="OverflowException">There are more than 2^63 - 1.</exception>
    public long ElementCount
    {
        get
        {
            var count = 1L;
            foreach (var dimension in _dimensions)
            {
                count = checked(count * dimension);
            }

            return count;
        }
    }

    /// <summary>Gets one size.</summary>
    /// <param name="index">The dimension, from 0, or from the end as <c>^1</c>.</param>
    public int this[Index index] => _dimensions[index];

    /// <summary>Computes row-major strides.</summary>
    /// <returns>For each dimension the distance in elements between two neighbours.</returns>
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

    /// <summary>Computes the number of rows of the last dimension.</summary>
    /// <returns>The product of all dimensions but the last; 1 for rank 0 and 1.</returns>
    public int LeadingCount() => Rank == 0 ? 1 : new Shape(_dimensions.AsSpan(0, Rank - 1)).Count;

    /// <summary>Finds the common shape of two operands by NumPy's rules.</summary>
    /// <param name="left">One shape.</param>
    /// <param name="right">The other.</param>
    /// <returns>The shape, or null if a dimension disagrees.</returns>
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

    /// <inheritdoc />
    public bool Equals(Shape? other) => other is not null && Dimensions.SequenceEqual(other.Dimensions);

    /// <inheritdoc />
    public override bool Equals(object? obj) => Equals(obj as Shape);

    /// <inheritdoc />
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var dimension in _dimensions)
        {
            hash.Add(dimension);
        }

        return hash.ToHashCode();
    }

    /// <summary>Formats the sizes: <c>[2, 3]</c>, <c>[]</c> for a scalar.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"[{string.Join(", ", _dimensions)}]";
}
