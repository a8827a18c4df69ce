using System.Numerics;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Onnx.Kernels;

/// <summary>Kernels over rows: each reads its operands once, or twice while they are in the cache.</summary>
internal static unsafe class RowKernels
{
    // Chosen: long enough to be worth waking a thread, short enough to distribute evenly.
    private const long ElementsPerTask = 1 << 15;

    private const float GeluInner = 0.044715f;
    private static readonly float GeluOuter = (float)Math.Sqrt(2 / Math.PI);
    private static readonly int Lanes = Vector<float>.Count;

    public static int ElementTasks(KernelSizes sizes) =>
        (int)(((sizes.Rows * sizes.Width) + ElementsPerTask - 1) / ElementsPerTask);

    public static int RowTasks(KernelSizes sizes) => (int)Math.Min(sizes.Rows, ElementTasks(sizes));

    /// <summary>Returns the first row of a piece; the piece ends where the next begins.</summary>
    public static long Begin(KernelSizes* sizes, int task) => sizes->Rows * task / sizes->Tasks;

    /// <summary>
    /// (x, dy): with s = sigmoid(2u), u = a (x + b x^3), gelu = x s, so the slope is s + x s (1 - s) 2u'.
    /// </summary>
    public static void GeluTanhGradient(KernelCall* call, int task)
    {
        var count = call->Sizes->Rows * call->Sizes->Width;
        var (begin, end) = (count * task / call->Sizes->Tasks, count * (task + 1) / call->Sizes->Tasks);
        var x = (float*)call->First;
        var dy = (float*)call->Second;
        var result = call->Result;
        var i = begin;
        for (; i <= end - Lanes; i += Lanes)
        {
            (Vector.Load(dy + i) * GeluSlope(Vector.Load(x + i))).Store(result + i);
        }

        for (; i < end; i++)
        {
            result[i] = dy[i] * GeluSlope(new Vector<float>(x[i]))[0];
        }
    }

    /// <summary>(y, dy): computes y (dy - sum(y dy)).</summary>
    public static void SoftmaxGradient(KernelCall* call, int task)
    {
        var sizes = call->Sizes;
        var width = call->Sizes->Width;
        for (var row = Begin(sizes, task); row < Begin(sizes, task + 1); row++)
        {
            var y = (float*)call->First + (row * width);
            var dy = (float*)call->Second + (row * width);
            var result = call->Result + (row * width);
            var dot = Dot(y, dy, width);
            var i = 0L;
            for (; i <= width - Lanes; i += Lanes)
            {
                (Vector.Load(y + i) * (Vector.Load(dy + i) - new Vector<float>(dot))).Store(result + i);
            }

            for (; i < width; i++)
            {
                result[i] = y[i] * (dy[i] - dot);
            }
        }
    }

    /// <summary>(x, w, dy): with n = x / rms and g = dy (1 + w), computes (g - n mean(g n)) / rms.</summary>
    public static void RmsNormGradient(KernelCall* call, int task)
    {
        var sizes = call->Sizes;
        var width = call->Sizes->Width;
        var w = (float*)call->Second;
        for (var row = Begin(sizes, task); row < Begin(sizes, task + 1); row++)
        {
            var x = (float*)call->First + (row * width);
            var dy = (float*)call->Third + (row * width);
            var result = call->Result + (row * width);
            var (squares, products) = (Vector<float>.Zero, Vector<float>.Zero);
            var (square, product) = (0f, 0f);
            var i = 0L;
            for (; i <= width - Lanes; i += Lanes)
            {
                var value = Vector.Load(x + i);
                var scaled = Vector.Load(dy + i) * (Vector.Load(w + i) + Vector<float>.One);
                squares += value * value;
                products += value * scaled;
            }

            for (; i < width; i++)
            {
                square += x[i] * x[i];
                product += x[i] * dy[i] * (w[i] + 1);
            }

            var inverse = 1 / MathF.Sqrt(((Vector.Sum(squares) + square) / width) + sizes->Scalar);
            var back = (Vector.Sum(products) + product) / width * inverse * inverse;
            for (i = 0; i <= width - Lanes; i += Lanes)
            {
                var scaled = Vector.Load(dy + i) * (Vector.Load(w + i) + Vector<float>.One);
                ((scaled - (Vector.Load(x + i) * back)) * inverse).Store(result + i);
            }

            for (; i < width; i++)
            {
                result[i] = ((dy[i] * (w[i] + 1)) - (x[i] * back)) * inverse;
            }
        }
    }

    /// <summary>(x, dy): sums dy x / rms over the rows; each piece leaves its sum in the scratch memory.</summary>
    public static void RmsNormScaleGradient(KernelCall* call, int task)
    {
        var sizes = call->Sizes;
        var width = call->Sizes->Width;
        var sum = call->Scratch + (task * width);
        new Span<float>(sum, (int)width).Clear();
        for (var row = Begin(sizes, task); row < Begin(sizes, task + 1); row++)
        {
            var x = (float*)call->First + (row * width);
            var dy = (float*)call->Second + (row * width);
            var inverse = 1 / MathF.Sqrt((Dot(x, x, width) / width) + sizes->Scalar);
            var i = 0L;
            for (; i <= width - Lanes; i += Lanes)
            {
                (Vector.Load(sum + i) + (Vector.Load(dy + i) * Vector.Load(x + i) * inverse)).Store(sum + i);
            }

            for (; i < width; i++)
            {
                sum[i] += dy[i] * x[i] * inverse;
            }
        }
    }

    /// <summary>(x, seed): drops elements. Scalar is the probability, Other the random stream.</summary>
    public static void Dropout(KernelCall* call, int task)
    {
        var sizes = call->Sizes;
        var count = sizes->Rows * sizes->Width;
        var x = (float*)call->First;
        var start = DropoutMask.Start(*(int*)call->Second, (int)sizes->Other);
        var threshold = DropoutMask.Threshold(sizes->Scalar);
        var factor = 1 / (1 - sizes->Scalar);
        for (var i = count * task / sizes->Tasks; i < count * (task + 1) / sizes->Tasks; i++)
        {
            call->Result[i] = DropoutMask.Keeps(start, i, threshold) ? x[i] * factor : 0;
        }
    }

    /// <summary>Adds the pieces' sums in their order.</summary>
    public static void SumScratch(KernelCall* call)
    {
        var width = (int)call->Sizes->Width;
        var result = new Span<float>(call->Result, width);
        result.Clear();
        for (var task = 0; task < call->Sizes->Tasks; task++)
        {
            var sum = call->Scratch + ((long)task * width);
            for (var i = 0; i < width; i++)
            {
                result[i] += sum[i];
            }
        }
    }

    public static float Dot(float* left, float* right, long width)
    {
        var (first, second) = (Vector<float>.Zero, Vector<float>.Zero);
        var i = 0L;
        for (; i <= width - (2 * Lanes); i += 2 * Lanes)
        {
            first = Vector.FusedMultiplyAdd(Vector.Load(left + i), Vector.Load(right + i), first);
            second = Vector.FusedMultiplyAdd(Vector.Load(left + i + Lanes), Vector.Load(right + i + Lanes), second);
        }

        var sum = Vector.Sum(first + second);
        for (; i < width; i++)
        {
            sum += left[i] * right[i];
        }

        return sum;
    }

    private static Vector<float> GeluSlope(Vector<float> x)
    {
        var square = x * x;
        var twice = x * ((square * (2 * GeluOuter * GeluInner)) + new Vector<float>(2 * GeluOuter));
        var sigmoid = Vector<float>.One / (Vector<float>.One + Vector.Exp(-twice));
        var slope = x * ((square * (6 * GeluOuter * GeluInner)) + new Vector<float>(2 * GeluOuter));
        return sigmoid * (((Vector<float>.One - sigmoid) * slope) + Vector<float>.One);
    }
}
