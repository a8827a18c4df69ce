namespace Workflows.TpuWorker.Pjrt;

/// <summary>Element types of buffers, with the numbers of <c>PJRT_Buffer_Type</c>.</summary>
public enum PjrtElementType
{
    /// <summary>No type.</summary>
    Invalid = 0,

    /// <summary>Booleans, one byte each: 0 or 1.</summary>
    Pred = 1,

    /// <summary>Signed integers of 8 bits.</summary>
    S8 = 2,

    /// <summary>Signed integers of 16 bits.</summary>
    S16 = 3,

    /// <summary>Signed integers of 32 bits.</summary>
    S32 = 4,

    /// <summary>Signed integers of 64 bits.</summary>
    S64 = 5,

    /// <summary>Unsigned integers of 8 bits.</summary>
    U8 = 6,

    /// <summary>Unsigned integers of 16 bits.</summary>
    U16 = 7,

    /// <summary>Unsigned integers of 32 bits.</summary>
    U32 = 8,

    /// <summary>Unsigned integers of 64 bits.</summary>
    U64 = 9,

    /// <summary>IEEE 754 binary16.</summary>
    F16 = 10,

    /// <summary>IEEE 754 binary32.</summary>
    F32 = 11,

    /// <summary>IEEE 754 binary64.</summary>
    F64 = 12,

    /// <summary>bfloat16: the upper half of a binary32.</summary>
    BF16 = 13,
}

/// <summary>Sizes of element types.</summary>
public static class PjrtElementTypes
{
    /// <summary>Gets the bytes of one element on the host.</summary>
    /// <param name="type">The type.</param>
    /// <returns>1, 2, 4 or 8.</returns>
    /// <exception cref="ArgumentOutOfRangeException">It is not a member, or is <c>Invalid</c>.</exception>
    public static int Bytes(this PjrtElementType type) => type switch
    {
        PjrtElementType.Pred or PjrtElementType.S8 or PjrtElementType.U8 => 1,
        PjrtElementType.S16 or PjrtElementType.U16 or PjrtElementType.F16 or PjrtElementType.BF16 => 2,
        PjrtElementType.S32 or PjrtElementType.U32 or PjrtElementType.F32 => 4,
        PjrtElementType.S64 or PjrtElementType.U64 or PjrtElementType.F64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "The element type has no known size."),
    };
}
