using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Workflows.TpuWorker.Onnx.Kernels;

/// <summary>
/// Products of a transposed matrix with another, as in the gradients by the weights: a sum over rows of outer products.
/// The runtime is slow at transposing the left one, up to half as fast as at other products of that size. Here both are
/// copied in their stored order, row by row, into panels that fit the caches.
/// </summary>
/// <remarks>
/// The usual blocking (Goto and van de Geijn 2008): a tile of the result is one piece of work; for each block of rows
/// its operands are packed into panels of 6 and of 16 columns, and a 6 x 16 part of the tile is summed in registers.
/// The tiles and the order of the sums depend only on the sizes.
/// </remarks>
internal static unsafe class OuterProductKernels
{
    // Six rows of two vectors are twelve sums; with their operands they fill the sixteen registers.
    private const int PanelRows = 6;
    private const int PanelColumns = 16;
    private const int Lanes = 8;

    // Space after a panel of the left operand for the surplus elements that its last row stores.
    private const int Spill = Lanes - PanelRows;

    // Measured: a panel of the right operand stays in the first cache, both packed tiles in the second.
    private const int BlockDepth = 192;
    private const int TileRows = 240;
    private const int TileColumns = 256;

    // So that two to eight threads get work of about the same size.
    private const int LeastTiles = 8;
    private const int NarrowestTile = 64;

    /// <summary>
    /// Gets a value indicating whether these kernels are faster than the runtime's: with AVX-512 the runtime's vectors
    /// are twice as wide, without FMA these are slow.
    /// </summary>
    public static bool IsFast => Fma.IsSupported && !Vector512.IsHardwareAccelerated;

    /// <summary>Returns the number of tiles. The sum is over rows; Width and Other are the columns of the
    /// operands.</summary>
    public static int Tasks(KernelSizes sizes)
    {
        var (rows, columns) = Tiles(&sizes);
        return (int)(rows * columns);
    }

    /// <summary>(x [R, M], y [R, N]): computes Scalar x^T y, [M, N].</summary>
    public static void OuterProducts(KernelCall* call, int task)
    {
        var sizes = call->Sizes;
        var (tilesDown, tilesAcross) = Tiles(sizes);
        var (down, across) = Math.DivRem(task, tilesAcross);
        var (row, rowEnd) = (Cut(sizes->Width, PanelRows, tilesDown, down),
            Cut(sizes->Width, PanelRows, tilesDown, down + 1));
        var (column, columnEnd) = (Cut(sizes->Other, PanelColumns, tilesAcross, across),
            Cut(sizes->Other, PanelColumns, tilesAcross, across + 1));
        var blocks = Panels(sizes->Rows, BlockDepth);
        var depth = Panels(sizes->Rows, blocks);
        var (panelsDown, panelsAcross) = (Panels(rowEnd - row, PanelRows), Panels(columnEnd - column, PanelColumns));
        var leftPanel = (depth * PanelRows) + Spill;
        var leftSize = Panels(panelsDown * leftPanel, Lanes) * Lanes;
        var left = (float*)NativeMemory.AlignedAlloc(
            (nuint)(leftSize + (panelsAcross * PanelColumns * depth)) * sizeof(float), 64);
        var right = left + leftSize;
        for (var block = 0L; block < blocks; block++)
        {
            var begin = sizes->Rows * block / blocks;
            var count = (sizes->Rows * (block + 1) / blocks) - begin;
            PackLeft((float*)call->First + (begin * sizes->Width), sizes->Width, (row, rowEnd), count, left, leftPanel);
            PackRight((float*)call->Second + (begin * sizes->Other), sizes->Other, column, columnEnd, count, right);
            for (var j = 0L; j < panelsAcross; j++)
            {
                for (var i = 0L; i < panelsDown; i++)
                {
                    var (top, start) = (row + (i * PanelRows), column + (j * PanelColumns));
                    Part(
                        call, (top, Math.Min(PanelRows, rowEnd - top)),
                        (start, Math.Min(PanelColumns, columnEnd - start)),
                        left + (i * leftPanel), right + (j * PanelColumns * count), count, block == 0);
                }
            }
        }

        NativeMemory.AlignedFree(left);
    }

    private static (long Down, long Across) Tiles(KernelSizes* sizes)
    {
        var (down, across) = (Panels(sizes->Width, TileRows), Panels(sizes->Other, TileColumns));
        while (down * across < LeastTiles && sizes->Other / across > NarrowestTile)
        {
            across *= 2;
        }

        while (down * across < LeastTiles && sizes->Width / down > NarrowestTile)
        {
            down *= 2;
        }

        return (down, across);
    }

    private static long Panels(long count, long width) => (count + width - 1) / width;

    /// <summary>Returns the beginning of a tile: whole panels, distributed evenly.</summary>
    private static long Cut(long count, long width, long tiles, long tile) =>
        Math.Min(count, Panels(count, width) * tile / tiles * width);

    /// <summary>
    /// Packs row after row. Rows at distances of a power of two, such as those of scores, compete for the same cache
    /// sets, so a row must be read to its end before the next.
    /// </summary>
    private static void PackLeft(
        float* from, long stride, (long Begin, long End) columns, long count, float* to, long panel)
    {
        for (var k = 0L; k < count; k++, from += stride, to += PanelRows)
        {
            var target = to;
            var column = columns.Begin;

            // Eight elements are stored where six belong: the panel's next row overwrites the surplus.
            for (; column + Lanes <= columns.End; column += PanelRows, target += panel)
            {
                Vector256.Load(from + column).Store(target);
            }

            for (; column < columns.End; column += PanelRows, target += panel)
            {
                for (var i = 0; i < PanelRows; i++)
                {
                    target[i] = column + i < columns.End ? from[column + i] : 0;
                }
            }
        }
    }

    private static void PackRight(float* from, long stride, long begin, long end, long count, float* to)
    {
        for (var column = begin; column < end; column += PanelColumns)
        {
            var source = from + column;
            if (column + PanelColumns <= end)
            {
                for (var k = 0L; k < count; k++, to += PanelColumns, source += stride)
                {
                    Vector256.Load(source).Store(to);
                    Vector256.Load(source + Lanes).Store(to + Lanes);
                }

                continue;
            }

            for (var k = 0L; k < count; k++, to += PanelColumns, source += stride)
            {
                for (var i = 0; i < PanelColumns; i++)
                {
                    to[i] = column + i < end ? source[i] : 0;
                }
            }
        }
    }

    /// <summary>Adds the product of two panels to the result, or writes it; at the edges through a buffer.</summary>
    private static void Part(
        KernelCall* call, (long Begin, long Count) rows, (long Begin, long Count) columns, float* left, float* right,
        long depth, bool isFirst)
    {
        var stride = call->Sizes->Other;
        var result = call->Result + (rows.Begin * stride) + columns.Begin;
        if (rows.Count == PanelRows && columns.Count == PanelColumns)
        {
            Sum(left, right, depth, call->Sizes->Scalar, result, stride, isFirst);
            return;
        }

        var buffer = stackalloc float[PanelRows * PanelColumns];
        Sum(left, right, depth, call->Sizes->Scalar, buffer, PanelColumns, isFirst: true);
        for (var i = 0L; i < rows.Count; i++)
        {
            for (var j = 0L; j < columns.Count; j++)
            {
                var value = buffer[(i * PanelColumns) + j];
                result[(i * stride) + j] = isFirst ? value : result[(i * stride) + j] + value;
            }
        }
    }

    /// <summary>Optimised at once, without tiered compilation in the first steps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum(
        float* left, float* right, long depth, float scalar, float* result, long stride, bool isFirst)
    {
        var (a0, a1) = (Vector256<float>.Zero, Vector256<float>.Zero);
        var (b0, b1) = (Vector256<float>.Zero, Vector256<float>.Zero);
        var (c0, c1) = (Vector256<float>.Zero, Vector256<float>.Zero);
        var (d0, d1) = (Vector256<float>.Zero, Vector256<float>.Zero);
        var (e0, e1) = (Vector256<float>.Zero, Vector256<float>.Zero);
        var (f0, f1) = (Vector256<float>.Zero, Vector256<float>.Zero);
        for (var end = right + (depth * PanelColumns); right < end; right += PanelColumns, left += PanelRows)
        {
            var (first, second) = (Vector256.Load(right), Vector256.Load(right + Lanes));
            var value = Vector256.Create(left[0]);
            a0 = Vector256.FusedMultiplyAdd(value, first, a0);
            a1 = Vector256.FusedMultiplyAdd(value, second, a1);
            value = Vector256.Create(left[1]);
            b0 = Vector256.FusedMultiplyAdd(value, first, b0);
            b1 = Vector256.FusedMultiplyAdd(value, second, b1);
            value = Vector256.Create(left[2]);
            c0 = Vector256.FusedMultiplyAdd(value, first, c0);
            c1 = Vector256.FusedMultiplyAdd(value, second, c1);
            value = Vector256.Create(left[3]);
            d0 = Vector256.FusedMultiplyAdd(value, first, d0);
            d1 = Vector256.FusedMultiplyAdd(value, second, d1);
            value = Vector256.Create(left[4]);
            e0 = Vector256.FusedMultiplyAdd(value, first, e0);
            e1 = Vector256.FusedMultiplyAdd(value, second, e1);
            value = Vector256.Create(left[5]);
            f0 = Vector256.FusedMultiplyAdd(value, first, f0);
            f1 = Vector256.FusedMultiplyAdd(value, second, f1);
        }

        Write(result, a0, a1, scalar, isFirst);
        Write(result + stride, b0, b1, scalar, isFirst);
        Write(result + (2 * stride), c0, c1, scalar, isFirst);
        Write(result + (3 * stride), d0, d1, scalar, isFirst);
        Write(result + (4 * stride), e0, e1, scalar, isFirst);
        Write(result + (5 * stride), f0, f1, scalar, isFirst);
    }

    private static void Write(
        float* result, Vector256<float> first, Vector256<float> second, float scalar, bool isFirst)
    {
        (first, second) = (first * scalar, second * scalar);
        if (!isFirst)
        {
            (first, second) = (first + Vector256.Load(result), second + Vector256.Load(result + Lanes));
        }

        first.Store(result);
        second.Store(result + Lanes);
    }
}
