namespace Workflows.TpuWorker.Pjrt;

/// <summary>The exception of a call that a plugin refused, or whose work failed.</summary>
public sealed class PjrtException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="code">The plugin's code.</param>
    /// <param name="operation">The function of the PJRT C API, without its prefix.</param>
    /// <param name="text">The plugin's own message.</param>
    public PjrtException(PjrtErrorCode code, string operation, string text)
        : base($"PJRT {operation} failed with {code} ({(int)code}): {text}")
    {
        (Code, Operation, Text) = (code, operation, text);
    }

    /// <summary>Gets the plugin's code.</summary>
    public PjrtErrorCode Code { get; }

    /// <summary>Gets the function that failed.</summary>
    public string Operation { get; }

    /// <summary>Gets the plugin's own message.</summary>
    public string Text { get; }
}
