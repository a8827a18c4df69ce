namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// Element types that programs compute with; storage types of files are wider (see the checkpoint reader).
/// </summary>
#pragma warning disable CA1720 // Float32 and Int32 are the names that every tensor format gives these types.
public enum DType
{
    /// <summary>IEEE single precision.</summary>
    Float32,

    /// <summary>Signed 32-bit integers: token ids, row indices and labels.</summary>
    Int32,
}
#pragma warning restore CA1720
