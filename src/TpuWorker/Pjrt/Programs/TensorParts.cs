using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Pjrt.Programs;

/// <summary>Splits a tensor into equal parts along an axis, one for each device.</summary>
internal static class TensorParts
{
    /// <summary>Returns the shape of a part.</summary>
    public static Shape ShapeOf(Shape whole, int axis, int parts)
    {
        var sizes = whole.Dimensions.ToArray();
        sizes[axis] /= parts;
        return new Shape(sizes);
    }

    /// <summary>Copies a part out of a tensor.</summary>
    public static HostTensor Cut(HostTensor whole, int axis, int parts, int part)
    {
        var result = HostTensor.Zeros(whole.DType, ShapeOf(whole.Shape, axis, parts));
        Copy(whole, result, axis, part, isCut: true);
        return result;
    }

    /// <summary>Copies a part into a tensor.</summary>
    public static void Paste(HostTensor part, HostTensor whole, int axis, int number) =>
        Copy(whole, part, axis, number, isCut: false);

    private static unsafe void Copy(HostTensor whole, HostTensor part, int axis, int number, bool isCut)
    {
        var (outer, inner) = (1L, (long)whole.DType.Bytes());
        for (var i = 0; i < whole.Shape.Rank; i++)
        {
            (outer, inner) = (i < axis ? outer * whole.Shape[i] : outer, i > axis ? inner * whole.Shape[i] : inner);
        }

        // Tensors may have more bytes than a span has.
        var (row, stride) = (part.Shape[axis] * inner, whole.Shape[axis] * inner);
        fixed (byte* all = &whole.FirstByte)
        fixed (byte* some = &part.FirstByte)
        {
            for (var i = 0L; i < outer; i++)
            {
                var inWhole = all + (i * stride) + (number * row);
                var inPart = some + (i * row);
                Buffer.MemoryCopy(isCut ? inWhole : inPart, isCut ? inPart : inWhole, row, row);
            }
        }
    }
}
