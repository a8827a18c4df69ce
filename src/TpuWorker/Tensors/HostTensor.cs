using System.Runtime.InteropServices;

namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// A tensor in managed memory, row-major: one array of the element type's storage, with as many elements as the shape.
/// The array is shared, not copied: a runtime may bind it and write to it.
/// </summary>
public sealed class HostTensor
{
    private readonly Array _values;

    /// <summary>Wraps single-precision numbers.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="values">As many values as the shape has elements, row-major; shared, not copied.</param>
    /// <exception cref="TensorShapeException">There are more or fewer values.</exception>
    public HostTensor(Shape shape, float[] values)
        : this(DType.Float32, shape, values)
    {
    }

    /// <summary>Wraps whole numbers.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="values">As many values as the shape has elements, row-major; shared, not copied.</param>
    /// <exception cref="TensorShapeException">There are more or fewer values.</exception>
    public HostTensor(Shape shape, int[] values)
        : this(DType.Int32, shape, values)
    {
    }

    private HostTensor(DType type, Shape shape, Array values)
    {
        if (shape.ElementCount != values.LongLength)
        {
            throw new TensorShapeException(
                "HostTensor", "values", $"{values.LongLength} elements", $"{shape.ElementCount} for {shape}");
        }

        (DType, Shape, _values) = (type, shape, values);
    }

    /// <summary>Gets the shape.</summary>
    public Shape Shape { get; }

    /// <summary>Gets the element type.</summary>
    public DType DType { get; }

    /// <summary>Gets the values of a tensor of <see cref="DType.Float32"/>: the array itself.</summary>
    /// <exception cref="TensorShapeException">The tensor is of another type.</exception>
    public float[] Floats => Values<float>(DType.Float32);

    /// <summary>Gets the values of a tensor of <see cref="DType.Int32"/>: the array itself.</summary>
    /// <exception cref="TensorShapeException">The tensor is of another type.</exception>
    public int[] Ints => Values<int>(DType.Int32);

    /// <summary>Gets the bits of each number of a tensor of <see cref="DType.BFloat16"/>: the array itself.</summary>
    /// <exception cref="TensorShapeException">The tensor is of another type.</exception>
    public ushort[] BFloat16Bits => Values<ushort>(DType.BFloat16);

    /// <summary>Gets the values of a tensor of <see cref="DType.UInt32"/>: the array itself.</summary>
    /// <exception cref="TensorShapeException">The tensor is of another type.</exception>
    public uint[] UInts => Values<uint>(DType.UInt32);

    /// <summary>Gets the values of a tensor of <see cref="DType.Bool"/>: the array itself.</summary>
    /// <exception cref="TensorShapeException">The tensor is of another type.</exception>
    public bool[] Bools => Values<bool>(DType.Bool);

    /// <summary>Gets the memory of the values, in the machine's byte order: a view, not a copy.</summary>
    public Span<byte> Bytes => DType switch
    {
        DType.Float32 => MemoryMarshal.AsBytes(Floats.AsSpan()),
        DType.Int32 => MemoryMarshal.AsBytes(Ints.AsSpan()),
        DType.BFloat16 => MemoryMarshal.AsBytes(BFloat16Bits.AsSpan()),
        DType.UInt32 => MemoryMarshal.AsBytes(UInts.AsSpan()),
        _ => MemoryMarshal.AsBytes(Bools.AsSpan()),
    };

    /// <summary>
    /// Gets the first byte of the values, to pin it: tensors of more than 2^31 - 1 bytes fit no span.
    /// </summary>
    public ref byte FirstByte => ref MemoryMarshal.GetArrayDataReference(_values);

    /// <summary>Wraps bfloat16 numbers.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="bits">The sixteen bits of each, row-major; shared, not copied.</param>
    /// <returns>The tensor.</returns>
    /// <exception cref="TensorShapeException">There are more or fewer values.</exception>
    public static HostTensor OfBFloat16(Shape shape, ushort[] bits) => new(DType.BFloat16, shape, bits);

    /// <summary>Wraps unsigned whole numbers.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="values">As many values as the shape has elements, row-major; shared, not copied.</param>
    /// <returns>The tensor.</returns>
    /// <exception cref="TensorShapeException">There are more or fewer values.</exception>
    public static HostTensor OfUInt32(Shape shape, uint[] values) => new(DType.UInt32, shape, values);

    /// <summary>Wraps Booleans.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="values">As many values as the shape has elements, row-major; shared, not copied.</param>
    /// <returns>The tensor.</returns>
    /// <exception cref="TensorShapeException">There are more or fewer values.</exception>
    public static HostTensor OfBool(Shape shape, bool[] values) => new(DType.Bool, shape, values);

    /// <summary>Creates a tensor of zeros.</summary>
    /// <param name="type">The element type.</param>
    /// <param name="shape">The shape.</param>
    /// <returns>The tensor, with an array of its own.</returns>
    public static HostTensor Zeros(DType type, Shape shape) => type switch
    {
        DType.Float32 => new HostTensor(shape, new float[shape.ElementCount]),
        DType.Int32 => new HostTensor(shape, new int[shape.ElementCount]),
        DType.BFloat16 => OfBFloat16(shape, new ushort[shape.ElementCount]),
        DType.UInt32 => OfUInt32(shape, new uint[shape.ElementCount]),
        _ => OfBool(shape, new bool[shape.ElementCount]),
    };

    private T[] Values<T>(DType type) => DType == type
        ? (T[])_values
        : throw new TensorShapeException("HostTensor", "element type", $"{DType}", $"{type}");
}
