namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// Element types of programs; files may store other types (see the checkpoint reader).
/// </summary>
#pragma warning disable CA1720 // Float32 and Int32 are the names that every tensor format gives these types.
public enum DType
{
    /// <summary>IEEE single precision.</summary>
    Float32,

    /// <summary>Signed 32-bit integers: token ids, row indices and labels.</summary>
    Int32,

    /// <summary>The upper half of a <see cref="Float32"/>: 8 bits of exponent, 7 of fraction.</summary>
    BFloat16,

    /// <summary>Booleans, one byte each in memory.</summary>
    Bool,

    /// <summary>Unsigned 32-bit integers, which wrap around: hashes.</summary>
    UInt32,
}
#pragma warning restore CA1720
