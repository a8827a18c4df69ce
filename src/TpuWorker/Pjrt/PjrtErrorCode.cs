namespace Workflows.TpuWorker.Pjrt;

/// <summary>Codes of errors that plugins return: those of absl's <c>StatusCode</c>.</summary>
public enum PjrtErrorCode
{
    /// <summary>No error.</summary>
    Ok = 0,

    /// <summary>The work was cancelled.</summary>
    Cancelled = 1,

    /// <summary>No specific code, for example for a program text that does not parse.</summary>
    Unknown = 2,

    /// <summary>An argument is wrong: its number, its shape, or a buffer that was donated.</summary>
    InvalidArgument = 3,

    /// <summary>A time limit has passed.</summary>
    DeadlineExceeded = 4,

    /// <summary>An object does not exist; also for a machine without chips when a client is created.</summary>
    NotFound = 5,

    /// <summary>An object exists already.</summary>
    AlreadyExists = 6,

    /// <summary>The caller lacks the permission.</summary>
    PermissionDenied = 7,

    /// <summary>Out of device memory, at compile time or later.</summary>
    ResourceExhausted = 8,

    /// <summary>The state of the device or the client does not allow it.</summary>
    FailedPrecondition = 9,

    /// <summary>The operation was aborted, for example because "the TPU is already in use".</summary>
    Aborted = 10,

    /// <summary>Out of range.</summary>
    OutOfRange = 11,

    /// <summary>The plugin does not have the function.</summary>
    Unimplemented = 12,

    /// <summary>An internal error of the plugin.</summary>
    Internal = 13,

    /// <summary>Unavailable at the moment.</summary>
    Unavailable = 14,

    /// <summary>Data are lost.</summary>
    DataLoss = 15,

    /// <summary>The caller is not authenticated.</summary>
    Unauthenticated = 16,
}
