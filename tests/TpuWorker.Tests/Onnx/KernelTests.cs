using System.Runtime.Intrinsics.X86;
using Workflows.TestKit;
using Workflows.TpuWorker.Onnx;
using Workflows.TpuWorker.Onnx.Kernels;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Onnx;

/// <summary>The kernels themselves, also where a program would leave the work to the runtime's own.</summary>
public sealed unsafe class KernelTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(3, 6, 16)]
    [InlineData(193, 7, 17)]
    [InlineData(50, 1000, 16)]
    [InlineData(400, 250, 530)]
    [InlineData(385, 241, 257)]
    public void OuterProducts_AnySizes_AreTheSumOverTheRows(int rows, int width, int other)
    {
        Skipped.Unless(Fma.IsSupported, "The kernel needs a processor with FMA.");
        var random = new Random(rows + width + other);
        var (x, y) = (Numbers(random, rows * width), Numbers(random, rows * other));
        var result = new float[width * other];
        var sizes = new KernelSizes { Rows = rows, Width = width, Other = other, Scalar = 1.5f };
        fixed (float* first = x, second = y, written = result)
        {
            var call = new KernelCall { Sizes = &sizes, First = first, Second = second, Result = written };
            for (var task = 0; task < OuterProductKernels.Tasks(sizes); task++)
            {
                OuterProductKernels.OuterProducts(&call, task);
            }
        }

        var wanted = new float[width * other];
        for (var i = 0; i < wanted.Length; i++)
        {
            var (down, across) = Math.DivRem(i, other);
            wanted[i] = (float)(1.5 * Enumerable.Range(0, rows)
                .Sum(row => (double)x[(row * width) + down] * y[(row * other) + across]));
        }

        Compare.Close(wanted, result, 1e-5, "outer products");
    }

    [Fact]
    public void RunGuarded_KernelThatThrows_LeavesAFaultAndNoException()
    {
        KernelFault Run(Exception fault)
        {
            var call = default(KernelCall);
            ManagedKernels.RunGuarded(new Kernel("broken", [false], _ => 1, (_, _) => throw fault), &call, 0);
            return call.Fault;
        }

        Assert.Equal(KernelFault.OutOfMemory, Run(new InsufficientMemoryException()));
        Assert.Equal(KernelFault.Other, Run(new InvalidOperationException()));
    }

    [Fact]
    public void TryAllocate_MoreThanThereIs_IsNull() =>
        Assert.True(OrtFunctions.TryAllocate(nuint.MaxValue / 2) is null);

    /// <summary>What the optimizer's fallback to smaller passes goes by.</summary>
    [Fact]
    public void IsOutOfMemory_TextOfTheKernels_IsKnown() =>
        Assert.True(OnnxProgram.IsOutOfMemory(OrtFunctions.OutOfMemoryText));

    [Fact]
    public void EmitKernel_ResultOfTooManyAxes_IsRefused()
    {
        var error = Assert.Throws<TensorShapeException>(() => new OnnxWriter().EmitKernel(
            "Dropout", ["x"], new Shape(1, 1, 1, 1, 1, 1, 1, 1, 1), 1, 1, 1, 0));

        Assert.Contains("8 at most", error.Message, StringComparison.Ordinal);
    }

    private static float[] Numbers(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => (float)((2 * random.NextDouble()) - 1))];
}
