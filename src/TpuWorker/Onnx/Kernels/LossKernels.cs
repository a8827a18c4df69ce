using System.Numerics;

namespace Workflows.TpuWorker.Onnx.Kernels;

/// <summary>Kernels around the vocabulary: the loss, its gradient, and the gradient of looking up rows.</summary>
internal static unsafe class LossKernels
{
    private static readonly int Lanes = Vector<float>.Count;

    /// <summary>(logits, labels): computes the log of the sum of exponentials, minus the label's logit.</summary>
    public static void CrossEntropy(KernelCall* call, int task)
    {
        var sizes = call->Sizes;
        var width = call->Sizes->Width;
        for (var row = RowKernels.Begin(sizes, task); row < RowKernels.Begin(sizes, task + 1); row++)
        {
            var logits = (float*)call->First + (row * width);
            var largest = Largest(logits, width);
            var sum = 0f;
            var sums = Vector<float>.Zero;
            var i = 0L;
            for (; i <= width - Lanes; i += Lanes)
            {
                sums += Vector.Exp(Vector.Load(logits + i) - new Vector<float>(largest));
            }

            for (; i < width; i++)
            {
                sum += MathF.Exp(logits[i] - largest);
            }

            call->Result[row] = MathF.Log(Vector.Sum(sums) + sum) + largest - logits[((int*)call->Second)[row]];
        }
    }

    /// <summary>(logits, labels, d): computes (softmax - onehot) d; a row whose d is 0 is skipped.</summary>
    public static void CrossEntropyGradient(KernelCall* call, int task)
    {
        var sizes = call->Sizes;
        var width = call->Sizes->Width;
        for (var row = RowKernels.Begin(sizes, task); row < RowKernels.Begin(sizes, task + 1); row++)
        {
            var logits = (float*)call->First + (row * width);
            var result = call->Result + (row * width);
            var upstream = ((float*)call->Third)[row];
            if (upstream == 0)
            {
                new Span<float>(result, (int)width).Clear();
                continue;
            }

            var scale = upstream / Exponentials(logits, result, width);
            var i = 0L;
            for (; i <= width - Lanes; i += Lanes)
            {
                (Vector.Load(result + i) * scale).Store(result + i);
            }

            for (; i < width; i++)
            {
                result[i] *= scale;
            }

            result[((int*)call->Second)[row]] -= upstream;
        }
    }

    /// <summary>
    /// (table, rows, updates): adds rows. A piece is a range of the table's rows, so two threads never add to the same
    /// one.
    /// </summary>
    public static void ScatterAdd(KernelCall* call, int task)
    {
        var sizes = call->Sizes;
        var width = call->Sizes->Width;
        var (begin, end) = (RowKernels.Begin(sizes, task), RowKernels.Begin(sizes, task + 1));
        var bytes = (end - begin) * width * sizeof(float);
        Buffer.MemoryCopy((float*)call->First + (begin * width), call->Result + (begin * width), bytes, bytes);
        var rows = (int*)call->Second;
        for (var update = 0L; update < sizes->Other; update++)
        {
            if (rows[update] < begin || rows[update] >= end)
            {
                continue;
            }

            var target = call->Result + (rows[update] * width);
            var added = (float*)call->Third + (update * width);
            var i = 0L;
            for (; i <= width - Lanes; i += Lanes)
            {
                (Vector.Load(target + i) + Vector.Load(added + i)).Store(target + i);
            }

            for (; i < width; i++)
            {
                target[i] += added[i];
            }
        }
    }

    /// <summary>Writes exp(x - largest) and returns the sum.</summary>
    private static float Exponentials(float* values, float* result, long width)
    {
        var largest = Largest(values, width);
        var sums = Vector<float>.Zero;
        var sum = 0f;
        var i = 0L;
        for (; i <= width - Lanes; i += Lanes)
        {
            var value = Vector.Exp(Vector.Load(values + i) - new Vector<float>(largest));
            value.Store(result + i);
            sums += value;
        }

        for (; i < width; i++)
        {
            sum += result[i] = MathF.Exp(values[i] - largest);
        }

        return Vector.Sum(sums) + sum;
    }

    private static float Largest(float* values, long width)
    {
        var largest = float.NegativeInfinity;
        var several = new Vector<float>(largest);
        var i = 0L;
        for (; i <= width - Lanes; i += Lanes)
        {
            several = Vector.Max(several, Vector.Load(values + i));
        }

        for (var lane = 0; lane < Lanes; lane++)
        {
            largest = MathF.Max(largest, several[lane]);
        }

        for (; i < width; i++)
        {
            largest = MathF.Max(largest, values[i]);
        }

        return largest;
    }
}
