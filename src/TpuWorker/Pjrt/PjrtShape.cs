namespace Workflows.TpuWorker.Pjrt;

/// <summary>Element type and sizes of an array, the slowest dimension first.</summary>
public sealed class PjrtShape : IEquatable<PjrtShape>
{
    private readonly long[] _dimensions;

    /// <summary>Creates a shape.</summary>
    /// <param name="type">The element type.</param>
    /// <param name="dimensions">The sizes, each at least 0; empty for a scalar.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, or the type has no size.</exception>
    /// <exception cref="OverflowException">The array has more than 2^63 bytes.</exception>
    public PjrtShape(PjrtElementType type, params ReadOnlySpan<long> dimensions)
    {
        long bytes = type.Bytes();
        foreach (var size in dimensions)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(size, nameof(dimensions));
            bytes = checked(bytes * size);
        }

        (Type, _dimensions, Bytes) = (type, dimensions.ToArray(), bytes);
    }

    /// <summary>Gets the element type.</summary>
    public PjrtElementType Type { get; }

    /// <summary>Gets the sizes.</summary>
    public ReadOnlySpan<long> Dimensions => _dimensions;

    /// <summary>Gets the bytes of the dense array on the host.</summary>
    public long Bytes { get; }

    /// <inheritdoc />
    public bool Equals(PjrtShape? other) =>
        other is not null && Type == other.Type && Dimensions.SequenceEqual(other.Dimensions);

    /// <inheritdoc />
    public override bool Equals(object? obj) => Equals(obj as PjrtShape);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(Type, _dimensions.Length, Bytes);

    /// <inheritdoc />
    public override string ToString() => $"{Type}[{string.Join(',', _dimensions)}]";
}
