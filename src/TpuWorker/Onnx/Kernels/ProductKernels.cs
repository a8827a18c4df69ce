using System.Numerics;
using System.Runtime.Intrinsics.X86;

namespace Workflows.TpuWorker.Onnx.Kernels;

/// <summary>
/// Products of a few rows with a large transposed matrix, as in decoding. The runtime copies the matrix into panels at
/// each call, which for a few rows costs more than the product. Here each row of the matrix is read once, in place.
/// </summary>
internal static unsafe class ProductKernels
{
    /// <summary>Rows above which the runtime's copy pays off; measured.</summary>
    public const int MaxRows = 16;

    private const long ElementsPerTask = 1 << 15;

    // With one row the product reads the matrix at the speed of memory, which is faster in long stretches.
    private const long ElementsPerLongTask = 1 << 17;

    // Each piece transposes the few rows into a panel of its own, which must be small beside the product.
    private const long ElementsPerPanelTask = 1 << 16;
    private const int BlockRows = 4;

    // Measured: half of the first-level cache, and rows of a page or less.
    private const int ElementsAhead = 1 << 12;
    private const int LongestFetchedRow = 1 << 10;
    private static readonly int Lanes = Vector<float>.Count;

    /// <summary>Returns the number of pieces. Width is the inner size, Other the rows of the matrix.</summary>
    public static int Tasks(KernelSizes sizes)
    {
        var elements = sizes.Width * sizes.Other;
        var tasks = PanelProductKernels.Suits(sizes.Rows) ? elements / ElementsPerPanelTask
            : sizes.Rows >= BlockRows ? elements / ElementsPerTask
            : Math.Max(elements / ElementsPerLongTask, Math.Min(2, elements / ElementsPerTask));
        return (int)Math.Clamp(tasks, 1, Math.Max(1, sizes.Other / 2));
    }

    /// <summary>(x [R, K], w [N, K]): computes Scalar x w^T, [R, N]; three rows of w with four of x at a
    /// time.</summary>
    public static void FewRows(KernelCall* call, int task)
    {
        var sizes = call->Sizes;
        var inner = call->Sizes->Width;
        var outer = call->Sizes->Other;
        var (begin, end) = (outer * task / sizes->Tasks, outer * (task + 1) / sizes->Tasks);
        if (PanelProductKernels.Suits(sizes->Rows))
        {
            PanelProductKernels.FewRows(call, begin, end);
            return;
        }

        var column = begin;
        for (; sizes->Rows >= BlockRows && column <= end - 3; column += 3)
        {
            Columns(call, column, (float*)call->Second + (column * inner));
        }

        for (; column <= end - 2; column += 2)
        {
            var w = (float*)call->Second + (column * inner);
            var row = 0L;
            for (; row <= sizes->Rows - BlockRows; row += BlockRows)
            {
                Block(call, row, column, w);
            }

            for (; row < sizes->Rows; row++)
            {
                Pair(call, row, column, w);
            }
        }

        for (; column < end; column++)
        {
            for (var row = 0L; row < sizes->Rows; row++)
            {
                call->Result[(row * outer) + column] = sizes->Scalar * RowKernels.Dot(
                    (float*)call->First + (row * inner), (float*)call->Second + (column * inner), inner);
            }
        }
    }

    /// <summary>Computes three columns of the result: twelve sums and their operands fill sixteen registers.</summary>
    private static void Columns(KernelCall* call, long column, float* w)
    {
        var (inner, outer) = (call->Sizes->Width, call->Sizes->Other);
        var row = 0L;
        for (; row <= call->Sizes->Rows - BlockRows; row += BlockRows)
        {
            Wide(call, row, column, w);
        }

        for (; row < call->Sizes->Rows; row++)
        {
            var x = (float*)call->First + (row * inner);
            var result = call->Result + (row * outer) + column;
            for (var next = 0; next < 3; next++)
            {
                result[next] = call->Sizes->Scalar * RowKernels.Dot(x, w + (next * inner), inner);
            }
        }
    }

    private static void Wide(KernelCall* call, long row, long column, float* w)
    {
        var (inner, outer, scalar) = (call->Sizes->Width, call->Sizes->Other, call->Sizes->Scalar);
        var x = (float*)call->First + (row * inner);
        var x1 = x + inner;
        var x2 = x1 + inner;
        var x3 = x2 + inner;
        var w1 = w + inner;
        var w2 = w1 + inner;
        var (a0, a1, a2, a3) = (Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero);
        var (b0, b1, b2, b3) = (Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero);
        var (c0, c1, c2, c3) = (Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero);
        var i = 0L;
        for (; i <= inner - Lanes; i += Lanes)
        {
            var (first, second, third) = (Vector.Load(w + i), Vector.Load(w1 + i), Vector.Load(w2 + i));
            var value = Vector.Load(x + i);
            a0 = Vector.FusedMultiplyAdd(value, first, a0);
            b0 = Vector.FusedMultiplyAdd(value, second, b0);
            c0 = Vector.FusedMultiplyAdd(value, third, c0);
            value = Vector.Load(x1 + i);
            a1 = Vector.FusedMultiplyAdd(value, first, a1);
            b1 = Vector.FusedMultiplyAdd(value, second, b1);
            c1 = Vector.FusedMultiplyAdd(value, third, c1);
            value = Vector.Load(x2 + i);
            a2 = Vector.FusedMultiplyAdd(value, first, a2);
            b2 = Vector.FusedMultiplyAdd(value, second, b2);
            c2 = Vector.FusedMultiplyAdd(value, third, c2);
            value = Vector.Load(x3 + i);
            a3 = Vector.FusedMultiplyAdd(value, first, a3);
            b3 = Vector.FusedMultiplyAdd(value, second, b3);
            c3 = Vector.FusedMultiplyAdd(value, third, c3);
        }

        var result = call->Result + (row * outer) + column;
        Write(result, scalar, a0, b0, x, w, inner, i);
        Write(result + outer, scalar, a1, b1, x1, w, inner, i);
        Write(result + (2 * outer), scalar, a2, b2, x2, w, inner, i);
        Write(result + (3 * outer), scalar, a3, b3, x3, w, inner, i);
        result[2] = scalar * Finish(c0, x, w2, inner, i);
        result[outer + 2] = scalar * Finish(c1, x1, w2, inner, i);
        result[(2 * outer) + 2] = scalar * Finish(c2, x2, w2, inner, i);
        result[(3 * outer) + 2] = scalar * Finish(c3, x3, w2, inner, i);
    }

    private static float Finish(Vector<float> sums, float* x, float* w, long inner, long from)
    {
        var sum = Vector.Sum(sums);
        for (var i = from; i < inner; i++)
        {
            sum += x[i] * w[i];
        }

        return sum;
    }

    private static void Block(KernelCall* call, long row, long column, float* w)
    {
        var (inner, outer, scalar) = (call->Sizes->Width, call->Sizes->Other, call->Sizes->Scalar);
        var x = (float*)call->First + (row * inner);
        var (a0, a1, a2, a3) = (Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero);
        var (b0, b1, b2, b3) = (Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero);
        var i = 0L;
        for (; i <= inner - Lanes; i += Lanes)
        {
            var (first, second) = (Vector.Load(w + i), Vector.Load(w + inner + i));
            var value = Vector.Load(x + i);
            a0 = Vector.FusedMultiplyAdd(value, first, a0);
            b0 = Vector.FusedMultiplyAdd(value, second, b0);
            value = Vector.Load(x + inner + i);
            a1 = Vector.FusedMultiplyAdd(value, first, a1);
            b1 = Vector.FusedMultiplyAdd(value, second, b1);
            value = Vector.Load(x + (2 * inner) + i);
            a2 = Vector.FusedMultiplyAdd(value, first, a2);
            b2 = Vector.FusedMultiplyAdd(value, second, b2);
            value = Vector.Load(x + (3 * inner) + i);
            a3 = Vector.FusedMultiplyAdd(value, first, a3);
            b3 = Vector.FusedMultiplyAdd(value, second, b3);
        }

        var result = call->Result + (row * outer) + column;
        Write(result, scalar, a0, b0, x, w, inner, i);
        Write(result + outer, scalar, a1, b1, x + inner, w, inner, i);
        Write(result + (2 * outer), scalar, a2, b2, x + (2 * inner), w, inner, i);
        Write(result + (3 * outer), scalar, a3, b3, x + (3 * inner), w, inner, i);
    }

    private static void Pair(KernelCall* call, long row, long column, float* w)
    {
        var (inner, outer) = (call->Sizes->Width, call->Sizes->Other);
        var x = (float*)call->First + (row * inner);

        // A single row waits for memory. The processor itself prefetches along long rows.
        var ahead = inner <= LongestFetchedRow ? w + ElementsAhead : w;
        var (a0, a1) = (Vector<float>.Zero, Vector<float>.Zero);
        var (b0, b1) = (Vector<float>.Zero, Vector<float>.Zero);
        var i = 0L;
        for (; i <= inner - (2 * Lanes); i += 2 * Lanes)
        {
            Fetch(ahead + (2 * i));
            Fetch(ahead + (2 * i) + (2 * Lanes));
            var (value, next) = (Vector.Load(x + i), Vector.Load(x + i + Lanes));
            a0 = Vector.FusedMultiplyAdd(value, Vector.Load(w + i), a0);
            a1 = Vector.FusedMultiplyAdd(next, Vector.Load(w + i + Lanes), a1);
            b0 = Vector.FusedMultiplyAdd(value, Vector.Load(w + inner + i), b0);
            b1 = Vector.FusedMultiplyAdd(next, Vector.Load(w + inner + i + Lanes), b1);
        }

        Write(call->Result + (row * outer) + column, call->Sizes->Scalar, a0 + a1, b0 + b1, x, w, inner, i);
    }

    /// <summary>Prefetches memory that will be read soon; the address need not be valid.</summary>
    private static void Fetch(float* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }

    /// <summary>Adds the elements after the last whole vector, and stores two neighbours.</summary>
    private static void Write(
        float* result, float scalar, Vector<float> first, Vector<float> second, float* x, float* w, long inner,
        long from)
    {
        var (a, b) = (Vector.Sum(first), Vector.Sum(second));
        for (var i = from; i < inner; i++)
        {
            a += x[i] * w[i];
            b += x[i] * w[inner + i];
        }

        result[0] = scalar * a;
        result[1] = scalar * b;
    }
}
