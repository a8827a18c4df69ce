namespace Workflows.TpuWorker.Tensors;

/// <summary>Base of every exception that the compute side of the worker throws deliberately.</summary>
/// <param name="errorCode">Stable identifier, listed in <c>docs/errors.md</c>; never reworded once published.</param>
/// <param name="message">The fault, with the values needed to act on it.</param>
/// <param name="innerException">The cause, if there is another exception.</param>
public abstract class TpuWorkerException(string errorCode, string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    /// <summary>Stable identifier of the failure, for callers that decide by kind and for documentation.</summary>
    public string ErrorCode { get; } = errorCode;
}
