using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Workflows.TpuWorker.Onnx.Kernels;

/// <summary>
/// The runtime's C functions for custom operations, which the managed package does not expose. They are found by their
/// index in the runtime's function table, which only grows (onnxruntime_c_api.h of 1.31, struct OrtApi).
/// </summary>
internal static unsafe class OrtFunctions
{
    /// <summary>The version of the table: the first with every function used here.</summary>
    public const uint ApiVersion = 18;

    private static readonly nint* Table = Load();

    /// <summary>The message of the runtime's own allocator, which <see cref="OnnxProgram"/> recognises.</summary>
    public const string OutOfMemoryText = "Failed to allocate memory for a kernel";

    private const int FailCode = 1;

    private static readonly nint OutOfMemory = Marshal.StringToCoTaskMemUTF8(OutOfMemoryText);
    private static readonly nint KernelFailed = Marshal.StringToCoTaskMemUTF8("A kernel failed");

    /// <summary>Allocates memory for vectors, to be freed by AlignedFree; null if there is none.</summary>
    public static void* TryAllocate(nuint bytes)
    {
        try
        {
            return NativeMemory.AlignedAlloc(bytes, 64);
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    /// <summary>Creates the runtime's status of a fault; the runtime owns and frees it.</summary>
    public static nint Status(KernelFault fault) => ((delegate* unmanaged<int, nint, nint>)Table[0])(
        FailCode, fault == KernelFault.OutOfMemory ? OutOfMemory : KernelFailed);

    public static nint CreateDomain(nint name)
    {
        nint domain;
        Check(((delegate* unmanaged<nint, nint*, nint>)Table[26])(name, &domain));
        return domain;
    }

    public static void AddToDomain(nint domain, nint op) =>
        Check(((delegate* unmanaged<nint, nint, nint>)Table[27])(domain, op));

    public static void AddDomain(SessionOptions options, nint domain)
    {
        Check(((delegate* unmanaged<nint, nint, nint>)Table[28])(options.DangerousGetHandle(), domain));
        GC.KeepAlive(options);
    }

    /// <summary>Each of the following returns the runtime's status: 0, or the error that a kernel must
    /// return.</summary>
    public static nint Attribute(nint info, nint name, long* value) =>
        ((delegate* unmanaged<nint, nint, long*, nint>)Table[86])(info, name, value);

    public static nint Attribute(nint info, nint name, float* value) =>
        ((delegate* unmanaged<nint, nint, float*, nint>)Table[85])(info, name, value);

    public static nint Input(nint context, int index, void** data)
    {
        nint value;
        var status = ((delegate* unmanaged<nint, nuint, nint*, nint>)Table[90])(context, (nuint)index, &value);
        return status != 0 ? status : Data(value, data);
    }

    public static nint Output(nint context, long* sizes, int rank, void** data)
    {
        nint value;
        var status = ((delegate* unmanaged<nint, nuint, long*, nuint, nint*, nint>)Table[91])(
            context, 0, sizes, (nuint)rank, &value);
        return status != 0 ? status : Data(value, data);
    }

    /// <summary>Runs the tasks 0 to count - 1 on the session's own threads, and returns when all are done.</summary>
    public static nint ParallelFor(
        nint context, delegate* unmanaged<void*, nuint, void> task, int count, void* state) =>
        ((delegate* unmanaged<nint, void*, nuint, nuint, void*, nint>)Table[274])(
            context, task, (nuint)count, 0, state);

    private static nint Data(nint value, void** data) =>
        ((delegate* unmanaged<nint, void**, nint>)Table[51])(value, data);

    private static nint* Load()
    {
        var library = NativeLibrary.Load("onnxruntime", typeof(InferenceSession).Assembly, null);
        var api = ((delegate* unmanaged<nint*>)NativeLibrary.GetExport(library, "OrtGetApiBase"))();
        var table = ((delegate* unmanaged<uint, nint*>)api[0])(ApiVersion);
        return table is null
            ? throw new NotSupportedException($"This ONNX Runtime has no C API of version {ApiVersion}.")
            : table;
    }

    private static void Check(nint status)
    {
        if (status != 0)
        {
            var text = Marshal.PtrToStringUTF8(((delegate* unmanaged<nint, nint>)Table[2])(status));
            ((delegate* unmanaged<nint, void>)Table[93])(status);
            throw new InvalidOperationException($"ONNX Runtime refused an operation of ours: {text}");
        }
    }
}
