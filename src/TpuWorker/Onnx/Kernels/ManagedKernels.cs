using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Workflows.TpuWorker.Onnx.Kernels;

/// <summary>
/// Registers the kernels as operations of the runtime, which fuses no element-wise chains on a CPU: a chain of thirteen
/// passes over memory becomes one. They run on the session's own threads.
/// </summary>
/// <remarks>
/// An OrtCustomOp is a version and 25 function pointers, followed by two fields of ours: the kernel's index and its
/// name. The operations and all names are never freed: they live as long as the process. An exception that leaves a
/// callback would end the process, so <see cref="RunGuarded"/> turns it into a fault, and that into a status.
/// </remarks>
internal static unsafe class ManagedKernels
{
    public const string Domain = "workflows";
    private const int KernelSlot = 26;
    private const int NameSlot = 27;
    private const int FloatType = 1;
    private const int Int32Type = 6;

    private static readonly Kernel[] Table =
    [
        new("GeluTanhGradient", [false, false], RowKernels.ElementTasks, RowKernels.GeluTanhGradient),
        new("SoftmaxGradient", [false, false], RowKernels.RowTasks, RowKernels.SoftmaxGradient),
        new("RmsNormGradient", [false, false, false], RowKernels.RowTasks, RowKernels.RmsNormGradient),
        new("RmsNormScaleGradient", [false, false], RowKernels.RowTasks, RowKernels.RmsNormScaleGradient,
            RowKernels.SumScratch),
        new("CrossEntropy", [false, true], RowKernels.RowTasks, LossKernels.CrossEntropy),
        new("CrossEntropyGradient", [false, true, false], RowKernels.RowTasks, LossKernels.CrossEntropyGradient),
        new("ScatterAdd", [false, true, false], RowKernels.RowTasks, LossKernels.ScatterAdd),
        new("Dropout", [false, true], RowKernels.ElementTasks, RowKernels.Dropout),
        new("FewRowsProduct", [false, false], ProductKernels.Tasks, ProductKernels.FewRows),
        new("OuterProducts", [false, false], OuterProductKernels.Tasks, OuterProductKernels.OuterProducts),
    ];

    private static readonly nint RowsName = Marshal.StringToCoTaskMemUTF8("rows");
    private static readonly nint WidthName = Marshal.StringToCoTaskMemUTF8("width");
    private static readonly nint OtherName = Marshal.StringToCoTaskMemUTF8("other");
    private static readonly nint ScalarName = Marshal.StringToCoTaskMemUTF8("scalar");
    private static readonly nint RankName = Marshal.StringToCoTaskMemUTF8("rank");
    private static readonly nint[] SizeNames =
        [.. Enumerable.Range(0, KernelSizes.MaxRank).Select(i => Marshal.StringToCoTaskMemUTF8($"size{i}"))];

    private static readonly Lazy<nint> Registered = new(Register);

    /// <summary>Lets a session's model use the kernels.</summary>
    public static void Use(SessionOptions options) => OrtFunctions.AddDomain(options, Registered.Value);

    private static nint Register()
    {
        var domain = OrtFunctions.CreateDomain(Marshal.StringToCoTaskMemUTF8(Domain));
        for (var kernel = 0; kernel < Table.Length; kernel++)
        {
            var op = (nint*)NativeMemory.AllocZeroed((nuint)((NameSlot + 1) * sizeof(nint)));
            op[0] = (nint)OrtFunctions.ApiVersion;
            op[2] = (nint)(delegate* unmanaged<nint*, nint>)&Name;
            op[3] = (nint)(delegate* unmanaged<nint*, nint>)&Provider;
            op[4] = (nint)(delegate* unmanaged<nint*, nuint, int>)&InputType;
            op[5] = (nint)(delegate* unmanaged<nint*, nuint>)&InputCount;
            op[6] = (nint)(delegate* unmanaged<nint*, nuint, int>)&OutputType;
            op[7] = (nint)(delegate* unmanaged<nint*, nuint>)&OutputCount;
            op[9] = (nint)(delegate* unmanaged<nint, void>)&Destroy;
            op[10] = (nint)(delegate* unmanaged<nint*, nuint, int>)&Required;
            op[11] = (nint)(delegate* unmanaged<nint*, nuint, int>)&Required;
            op[12] = (nint)(delegate* unmanaged<nint*, nuint, int>)&Required;
            op[17] = (nint)(delegate* unmanaged<nint*, nint, nint, nint*, nint>)&Create;
            op[18] = (nint)(delegate* unmanaged<nint, nint, nint>)&Compute;
            op[KernelSlot] = kernel;
            op[NameSlot] = Marshal.StringToCoTaskMemUTF8(Table[kernel].Name);
            OrtFunctions.AddToDomain(domain, (nint)op);
        }

        return domain;
    }

    [UnmanagedCallersOnly]
    private static nint Name(nint* op) => op[NameSlot];

    /// <summary>Returns no execution provider, which means the CPU's.</summary>
    [UnmanagedCallersOnly]
    private static nint Provider(nint* op) => 0;

    [UnmanagedCallersOnly]
    private static int InputType(nint* op, nuint index) =>
        Table[op[KernelSlot]].IsIndex[(int)index] ? Int32Type : FloatType;

    [UnmanagedCallersOnly]
    private static nuint InputCount(nint* op) => (nuint)Table[op[KernelSlot]].IsIndex.Length;

    [UnmanagedCallersOnly]
    private static int OutputType(nint* op, nuint index) => FloatType;

    [UnmanagedCallersOnly]
    private static nuint OutputCount(nint* op) => 1;

    /// <summary>Returns 0, which means required operands and results, and default memory.</summary>
    [UnmanagedCallersOnly]
    private static int Required(nint* op, nuint index) => 0;

    [UnmanagedCallersOnly]
    private static nint Create(nint* op, nint api, nint info, nint* kernel)
    {
        var sizes = (KernelSizes*)NativeMemory.AllocZeroed((nuint)sizeof(KernelSizes));
        sizes->Kernel = (int)op[KernelSlot];
        long rank = 0;
        var status = OrtFunctions.Attribute(info, RankName, &rank);
        sizes->Rank = (int)rank;
        for (var i = 0; i < rank && status == 0; i++)
        {
            status = OrtFunctions.Attribute(info, SizeNames[i], &sizes->Result[i]);
        }

        status = status != 0 ? status : OrtFunctions.Attribute(info, RowsName, &sizes->Rows);
        status = status != 0 ? status : OrtFunctions.Attribute(info, WidthName, &sizes->Width);
        status = status != 0 ? status : OrtFunctions.Attribute(info, OtherName, &sizes->Other);
        status = status != 0 ? status : OrtFunctions.Attribute(info, ScalarName, &sizes->Scalar);
        if (status != 0)
        {
            NativeMemory.Free(sizes);
            return status;
        }

        sizes->Tasks = Math.Max(1, Table[sizes->Kernel].Tasks(*sizes));
        *kernel = (nint)sizes;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static void Destroy(nint kernel) => NativeMemory.Free((void*)kernel);

    [UnmanagedCallersOnly]
    private static nint Compute(nint kernel, nint context)
    {
        var sizes = (KernelSizes*)kernel;
        var row = Table[sizes->Kernel];
        var call = new KernelCall { Sizes = sizes };
        var status = OrtFunctions.Output(context, sizes->Result, sizes->Rank, (void**)&call.Result);
        for (var i = 0; i < row.IsIndex.Length && status == 0; i++)
        {
            void* data;
            status = OrtFunctions.Input(context, i, &data);
            switch (i)
            {
                case 0:
                    call.First = data;
                    break;
                case 1:
                    call.Second = data;
                    break;
                default:
                    call.Third = data;
                    break;
            }
        }

        if (status != 0)
        {
            return status;
        }

        if (row.Finish is not null)
        {
            var bytes = (nuint)(sizes->Tasks * sizes->Width * sizeof(float));
            call.Scratch = (float*)OrtFunctions.TryAllocate(bytes);
            if (call.Scratch is null)
            {
                return OrtFunctions.Status(KernelFault.OutOfMemory);
            }
        }

        status = RunTasks(row, &call, context);
        if (status == 0 && call.Fault == KernelFault.None && row.Finish is not null)
        {
            row.Finish(&call);
        }

        NativeMemory.AlignedFree(call.Scratch);
        return status != 0 || call.Fault == KernelFault.None ? status : OrtFunctions.Status(call.Fault);
    }

    /// <summary>Does one piece of the work; an exception becomes the call's fault.</summary>
    internal static void RunGuarded(Kernel row, KernelCall* call, int task)
    {
        try
        {
            row.Run(call, task);
        }
        catch (OutOfMemoryException)
        {
            call->Fault = KernelFault.OutOfMemory;
        }
        catch (Exception)
        {
            call->Fault = KernelFault.Other;
        }
    }

    private static nint RunTasks(Kernel row, KernelCall* call, nint context)
    {
        if (call->Sizes->Tasks > 1)
        {
            return OrtFunctions.ParallelFor(context, &RunTask, call->Sizes->Tasks, call);
        }

        RunGuarded(row, call, 0);
        return 0;
    }

    [UnmanagedCallersOnly]
    private static void RunTask(void* call, nuint task) =>
        RunGuarded(Table[((KernelCall*)call)->Sizes->Kernel], (KernelCall*)call, (int)task);
}
