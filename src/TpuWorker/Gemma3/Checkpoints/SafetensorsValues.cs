using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Checkpoints;

/// <summary>Reads tensors of a safetensors file into memory, widened to single precision.</summary>
internal static class SafetensorsValues
{
    private const int PieceElements = 1 << 20;

    private delegate void Widening<T>(ReadOnlySpan<T> stored, Span<float> values);

    /// <summary>Reads F32, BF16 or F16 as single precision.</summary>
    public static HostTensor ReadFloats(this SafetensorsFile file, string name)
    {
        var stored = file.Find(name);
        var shape = ShapeOf(stored);
        var values = new float[shape.Count];
        switch (stored.Type)
        {
            case "F32":
                ReadPieces<float>(file, stored, values, static (stored, floats) => stored.CopyTo(floats));
                break;
            case "BF16":
                ReadPieces<ushort>(file, stored, values, BrainFloat.Widen);
                break;
            case "F16":
                ReadPieces<Half>(file, stored, values, static (halves, floats) =>
                    TensorPrimitives.ConvertToSingle(halves, floats));
                break;
            default:
                throw new ModelFileException(
                    file.Path, $"tensor '{name}' is {stored.Type}, wanted F32, BF16 or F16", ModelFault.Unsupported);
        }

        return new HostTensor(shape, values);
    }

    /// <summary>Reads I32.</summary>
    public static HostTensor ReadInts(this SafetensorsFile file, string name)
    {
        var stored = file.Find(name);
        if (stored.Type != "I32")
        {
            throw new ModelFileException(file.Path, $"tensor '{name}' is {stored.Type}, wanted I32");
        }

        var shape = ShapeOf(stored);
        var values = new int[shape.Count];
        file.Read(stored, 0, MemoryMarshal.AsBytes(values.AsSpan()));
        return new HostTensor(shape, values);
    }

    /// <summary>Returns the sizes of a stored tensor.</summary>
    public static Shape ShapeOf(StoredTensor stored) => new([.. stored.Shape]);

    /// <summary>
    /// Widens a tensor piece by piece: the stored form of a large tensor is never completely in memory, and it may have
    /// more bytes than a span.
    /// </summary>
    private static void ReadPieces<T>(SafetensorsFile file, StoredTensor stored, float[] values, Widening<T> widen)
        where T : struct
    {
        var piece = new T[Math.Min(PieceElements, values.Length)];
        for (var start = 0L; start < values.Length; start += piece.Length)
        {
            var part = piece.AsSpan(0, (int)Math.Min(piece.Length, values.Length - start));
            file.Read(stored, start * Unsafe.SizeOf<T>(), MemoryMarshal.AsBytes(part));
            widen(part, values.AsSpan((int)start, part.Length));
        }
    }
}
