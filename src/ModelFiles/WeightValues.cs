using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Workflows.ModelFiles;

/// <summary>
/// Checks every weight of a model once. One value that is no finite number makes every output NaN, and an interrupted
/// download leaves matrices of zeros. One piece is in memory at a time.
/// </summary>
internal static class WeightValues
{
    /// <summary>Bytes of a piece: small enough for a core's cache, large enough for a disk.</summary>
    public const int PieceBytes = 1 << 20;

    private const string NumbersFix =
        "Download the checkpoint again; where it is of a training that diverged, give an earlier one.";

    private const string ZerosFix =
        "Download the checkpoint again, whole: one that broke off leaves zeros where bytes never came.";

    /// <summary>Checks one weight.</summary>
    /// <param name="file">The file that holds it.</param>
    /// <param name="name">Its name there.</param>
    /// <param name="piece">A buffer of <see cref="PieceBytes"/> bytes, which is overwritten.</param>
    /// <param name="cancellation">Checked before each piece.</param>
    /// <exception cref="ModelFileException">
    /// An element is NaN or infinite, or all of a matrix are zero. Norms may be zero, since Gemma 3 adds one to them.
    /// </exception>
    public static void Require(SafetensorsFile file, string name, byte[] piece, CancellationToken cancellation)
    {
        var stored = file.Find(name);
        var (at, isZero) = stored.Type switch
        {
            "BF16" => Look<ushort>(file, stored, 0x7F80, piece, cancellation),
            "F16" => Look<ushort>(file, stored, 0x7C00, piece, cancellation),
            _ => Look<uint>(file, stored, 0x7F80_0000, piece, cancellation),
        };
        if (at >= 0)
        {
            throw new ModelFileException(
                file.Path,
                $"tensor '{name}' {stored} holds {ValueAt(file, stored, at)} at {Place(stored.Shape, at)}, wanted "
                + "finite numbers alone", fix: NumbersFix);
        }

        if (isZero && stored.Shape.Count > 1)
        {
            throw new ModelFileException(
                file.Path, $"tensor '{name}' {stored} holds zeros alone, which no checkpoint's matrix does",
                fix: ZerosFix);
        }
    }

    /// <returns>The first element whose exponent is all ones, or -1; and whether all others are zero.</returns>
    private static (long At, bool IsZero) Look<T>(
        SafetensorsFile file, StoredTensor stored, T exponent, byte[] piece, CancellationToken cancellation)
        where T : unmanaged, IBinaryInteger<T>
    {
        var bits = T.Zero;
        var bytes = stored.End - stored.Begin;
        for (var start = 0L; start < bytes; start += piece.Length)
        {
            cancellation.ThrowIfCancellationRequested();
            var part = piece.AsSpan(0, (int)Math.Min(piece.Length, bytes - start));
            file.Read(stored, start, part);
            if (IndexOf(MemoryMarshal.Cast<byte, T>(part), exponent, ref bits) is var found and >= 0)
            {
                return ((start / Unsafe.SizeOf<T>()) + found, false);
            }
        }

        // Zero has two signs, so the sign bit is shifted out.
        return (-1, T.IsZero(bits << 1));
    }

    private static int IndexOf<T>(ReadOnlySpan<T> values, T exponent, ref T bits)
        where T : unmanaged, IBinaryInteger<T>
    {
        var (mask, seen, i) = (new Vector<T>(exponent), Vector<T>.Zero, 0);
        for (; i <= values.Length - Vector<T>.Count; i += Vector<T>.Count)
        {
            var some = new Vector<T>(values[i..]);
            if (Vector.EqualsAny(some & mask, mask))
            {
                break;
            }

            seen |= some;
        }

        for (var lane = 0; lane < Vector<T>.Count; lane++)
        {
            bits |= seen[lane];
        }

        for (; i < values.Length; i++)
        {
            if ((values[i] & exponent) == exponent)
            {
                return i;
            }

            bits |= values[i];
        }

        return -1;
    }

    private static string ValueAt(SafetensorsFile file, StoredTensor stored, long at)
    {
        Span<byte> bytes = stackalloc byte[sizeof(float)];
        bytes = bytes[..SafetensorsHeader.ElementBytes(stored.Type)];
        file.Read(stored, at * bytes.Length, bytes);
        var value = stored.Type switch
        {
            "BF16" => BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(bytes) << 16),
            "F16" => (float)BitConverter.ToHalf(bytes),
            _ => BitConverter.ToSingle(bytes),
        };
        return float.IsNaN(value) ? "NaN" : value > 0 ? "infinity" : "minus infinity";
    }

    private static string Place(IReadOnlyList<int> shape, long at)
    {
        var place = new string[shape.Count];
        for (var axis = shape.Count - 1; axis >= 0; axis--)
        {
            (at, var index) = Math.DivRem(at, shape[axis]);
            place[axis] = index.ToString(CultureInfo.InvariantCulture);
        }

        return $"[{string.Join(", ", place)}]";
    }
}
