namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// Element types that programs compute with; storage types of files are wider (see the checkpoint reader).
/// </summary>
internal enum DType
{
    /// <summary>IEEE single precision.</summary>
    Float32,

    /// <summary>Signed 32-bit integers: token ids, row indices and labels.</summary>
    Int32,
}
