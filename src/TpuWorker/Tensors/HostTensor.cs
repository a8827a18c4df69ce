namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// A tensor in managed memory, row-major. Exactly one of the two arrays exists, as long as the shape says.
/// The array is shared, not copied: a runtime may bind it and write through it.
/// </summary>
internal sealed class HostTensor
{
    private readonly float[]? _floats;
    private readonly int[]? _ints;

    public HostTensor(Shape shape, float[] values)
    {
        RequireLength(shape, values.Length);
        (Shape, _floats, DType) = (shape, values, DType.Float32);
    }

    public HostTensor(Shape shape, int[] values)
    {
        RequireLength(shape, values.Length);
        (Shape, _ints, DType) = (shape, values, DType.Int32);
    }

    public Shape Shape { get; }

    public DType DType { get; }

    public float[] Floats =>
        _floats ?? throw new TensorShapeException("HostTensor", "element type", $"{DType}", $"{DType.Float32}");

    public int[] Ints =>
        _ints ?? throw new TensorShapeException("HostTensor", "element type", $"{DType}", $"{DType.Int32}");

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
