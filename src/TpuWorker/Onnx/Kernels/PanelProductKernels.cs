using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Workflows.TpuWorker.Onnx.Kernels;

/// <summary>
/// Products of nine to sixteen rows with a large transposed matrix. The few rows are transposed into one panel of
/// sixteen columns; six rows of the matrix at a time are read in place, each number for all sixteen at once.
/// </summary>
internal static unsafe class PanelProductKernels
{
    private const int PanelRows = 16;
    private const int Lanes = 8;
    private const int Columns = 6;

    /// <summary>
    /// Returns whether the rows fill enough of a panel: half an empty panel costs as much as a full one.
    /// </summary>
    public static bool Suits(long rows) => Fma.IsSupported && rows is > Lanes and <= PanelRows;

    /// <summary>Computes some columns of the result of <see cref="ProductKernels.FewRows"/>.</summary>
    public static void FewRows(KernelCall* call, long begin, long end)
    {
        var (inner, outer) = (call->Sizes->Width, call->Sizes->Other);
        var panel = (float*)NativeMemory.AlignedAlloc((nuint)(inner * PanelRows * sizeof(float)), 64);
        Turn((float*)call->First, call->Sizes->Rows, inner, panel);
        var sums = stackalloc float[Columns * PanelRows];
        for (var column = begin; column < end; column += Columns)
        {
            var count = Math.Min(Columns, end - column);
            Sum((float*)call->Second + (column * inner), count, inner, panel, sums);
            for (var row = 0L; row < call->Sizes->Rows; row++)
            {
                var result = call->Result + (row * outer) + column;
                for (var i = 0L; i < count; i++)
                {
                    result[i] = call->Sizes->Scalar * sums[(i * PanelRows) + row];
                }
            }
        }

        NativeMemory.AlignedFree(panel);
    }

    /// <summary>Transposes rows into columns of the panel, eight numbers of each in turn; missing rows are
    /// zeros.</summary>
    private static void Turn(float* x, long rows, long inner, float* panel)
    {
        for (var begin = 0L; begin < inner; begin += Lanes)
        {
            var end = Math.Min(inner, begin + Lanes);
            for (var row = 0L; row < PanelRows; row++)
            {
                for (var k = begin; k < end; k++)
                {
                    panel[(k * PanelRows) + row] = row < rows ? x[(row * inner) + k] : 0;
                }
            }
        }
    }

    /// <summary>
    /// Multiplies six rows of w by the panel; past the end the last row is reused. Skips tiered compilation.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum(float* w, long count, long inner, float* panel, float* sums)
    {
        var last = w + ((count - 1) * inner);
        var w1 = Least(w + inner, last);
        var w2 = Least(w + (2 * inner), last);
        var w3 = Least(w + (3 * inner), last);
        var w4 = Least(w + (4 * inner), last);
        var w5 = Least(w + (5 * inner), last);
        var next = w + (Columns * inner);
        var (a0, a1) = (Vector256<float>.Zero, Vector256<float>.Zero);
        var (b0, b1) = (Vector256<float>.Zero, Vector256<float>.Zero);
        var (c0, c1) = (Vector256<float>.Zero, Vector256<float>.Zero);
        var (d0, d1) = (Vector256<float>.Zero, Vector256<float>.Zero);
        var (e0, e1) = (Vector256<float>.Zero, Vector256<float>.Zero);
        var (f0, f1) = (Vector256<float>.Zero, Vector256<float>.Zero);
        for (var k = 0L; k < inner; k++, panel += PanelRows, next += Columns)
        {
            // Prefetches the next six rows, a little at each step, while these are multiplied.
            Sse.Prefetch0(next);
            var (first, second) = (Vector256.Load(panel), Vector256.Load(panel + Lanes));
            var value = Vector256.Create(w[k]);
            a0 = Vector256.FusedMultiplyAdd(value, first, a0);
            a1 = Vector256.FusedMultiplyAdd(value, second, a1);
            value = Vector256.Create(w1[k]);
            b0 = Vector256.FusedMultiplyAdd(value, first, b0);
            b1 = Vector256.FusedMultiplyAdd(value, second, b1);
            value = Vector256.Create(w2[k]);
            c0 = Vector256.FusedMultiplyAdd(value, first, c0);
            c1 = Vector256.FusedMultiplyAdd(value, second, c1);
            value = Vector256.Create(w3[k]);
            d0 = Vector256.FusedMultiplyAdd(value, first, d0);
            d1 = Vector256.FusedMultiplyAdd(value, second, d1);
            value = Vector256.Create(w4[k]);
            e0 = Vector256.FusedMultiplyAdd(value, first, e0);
            e1 = Vector256.FusedMultiplyAdd(value, second, e1);
            value = Vector256.Create(w5[k]);
            f0 = Vector256.FusedMultiplyAdd(value, first, f0);
            f1 = Vector256.FusedMultiplyAdd(value, second, f1);
        }

        Write(sums, a0, a1);
        Write(sums + PanelRows, b0, b1);
        Write(sums + (2 * PanelRows), c0, c1);
        Write(sums + (3 * PanelRows), d0, d1);
        Write(sums + (4 * PanelRows), e0, e1);
        Write(sums + (5 * PanelRows), f0, f1);
    }

    private static float* Least(float* left, float* right) => left < right ? left : right;

    private static void Write(float* sums, Vector256<float> first, Vector256<float> second)
    {
        first.Store(sums);
        second.Store(sums + Lanes);
    }
}
