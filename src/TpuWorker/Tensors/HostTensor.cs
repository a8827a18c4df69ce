namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// A tensor in managed memory, row-major. Exactly one of the two arrays exists, as long as the shape says.
/// The array is shared, not copied: a runtime may bind it and write through it.
/// </summary>
public sealed class HostTensor
{
    private readonly float[]? _floats;
    private readonly int[]? _ints;

    /// <summary>Wraps numbers.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="values">As many values as the shape has elements, row-major; shared, not copied.</param>
    /// <exception cref="TensorShapeException">There are more or fewer values.</exception>
    public HostTensor(Shape shape, float[] values)
    {
        RequireLength(shape, values.Length);
        (Shape, _floats, DType) = (shape, values, DType.Float32);
    }

    /// <summary>Wraps whole numbers.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="values">As many values as the shape has elements, row-major; shared, not copied.</param>
    /// <exception cref="TensorShapeException">There are more or fewer values.</exception>
    public HostTensor(Shape shape, int[] values)
    {
        RequireLength(shape, values.Length);
        (Shape, _ints, DType) = (shape, values, DType.Int32);
    }

    /// <summary>Gets the shape.</summary>
    public Shape Shape { get; }

    /// <summary>Gets the element type.</summary>
    public DType DType { get; }

    /// <summary>Gets the values of a tensor of <see cref="DType.Float32"/>: the array itself.</summary>
    /// <exception cref="TensorShapeException">The tensor is of another type.</exception>
    public float[] Floats =>
        _floats ?? throw new TensorShapeException("HostTensor", "element type", $"{DType}", $"{DType.Float32}");

    /// <summary>Gets the values of a tensor of <see cref="DType.Int32"/>: the array itself.</summary>
    /// <exception cref="TensorShapeException">The tensor is of another type.</exception>
    public int[] Ints =>
        _ints ?? throw new TensorShapeException("HostTensor", "element type", $"{DType}", $"{DType.Int32}");

    /// <summary>Creates a tensor of zeros.</summary>
    /// <param name="type">The element type.</param>
    /// <param name="shape">The shape.</param>
    /// <returns>The tensor, with an array of its own.</returns>
    public static HostTensor Zeros(DType type, Shape shape) => type == DType.Float32
        ? new HostTensor(shape, new float[shape.Count])
        : new HostTensor(shape, new int[shape.Count]);

    private static void RequireLength(Shape shape, int length)
    {
        if (shape.Count != length)
        {
            throw new TensorShapeException("HostTensor", "values", $"{length} elements", $"{shape.Count} for {shape}");
        }
    }
}
