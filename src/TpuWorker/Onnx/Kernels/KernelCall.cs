using System.Runtime.InteropServices;

namespace Workflows.TpuWorker.Onnx.Kernels;

/// <summary>The sizes of one use of a kernel, fixed when its session is created.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KernelSizes
{
    public const int MaxRank = 8;

    /// <summary>Index in <see cref="ManagedKernels.Table"/>.</summary>
    public int Kernel;

    /// <summary>Rank of the result.</summary>
    public int Rank;

    /// <summary>Shape of the result.</summary>
    public fixed long Result[MaxRank];

    /// <summary>Rows and width of the first operand as a matrix; the meaning of Other depends on the kernel.</summary>
    public long Rows;
    public long Width;
    public long Other;

    /// <summary>The number attribute of the operation.</summary>
    public float Scalar;

    /// <summary>Number of pieces of the work; it depends only on the sizes, so that results do not vary.</summary>
    public int Tasks;
}

/// <summary>One run of a kernel: its operands and its result.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KernelCall
{
    public KernelSizes* Sizes;
    public void* First;
    public void* Second;
    public void* Third;
    public float* Result;

    /// <summary>Memory for Tasks x Width numbers, if the kernel requests it; otherwise null.</summary>
    public float* Scratch;

    /// <summary>The failure of a piece of the work, if there is one; any of the threads may set it.</summary>
    public KernelFault Fault;
}

/// <summary>An error inside a kernel.</summary>
internal enum KernelFault
{
    None,
    OutOfMemory,
    Other,
}

/// <summary>A kernel: name, operands, division of its work, and the work.</summary>
/// <param name="Name">Name of the operation in <see cref="ManagedKernels.Domain"/>.</param>
/// <param name="IsIndex">For each operand, true if it holds Int32 instead of numbers.</param>
/// <param name="Tasks">Returns the number of pieces from the sizes.</param>
/// <param name="Run">Does one piece; runs on several threads at once.</param>
/// <param name="Finish">Joins the pieces' scratch memory, if the kernel uses any; otherwise null.</param>
internal sealed record Kernel(
    string Name, bool[] IsIndex, Func<KernelSizes, int> Tasks, KernelTask Run, KernelFinish? Finish = null);

internal unsafe delegate void KernelTask(KernelCall* call, int task);

internal unsafe delegate void KernelFinish(KernelCall* call);
