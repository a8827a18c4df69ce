namespace DurableTask.Core.Exceptions;

/// <summary>An orchestration of the id exists and its status does not allow replacing it.</summary>
public class OrchestrationAlreadyExistsException : Exception
{
    /// <summary>Makes the exception.</summary>
    public OrchestrationAlreadyExistsException()
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What was refused.</param>
    public OrchestrationAlreadyExistsException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What was refused.</param>
    /// <param name="innerException">The call's own error.</param>
    public OrchestrationAlreadyExistsException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
