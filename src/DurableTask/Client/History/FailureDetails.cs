namespace DurableTask.Core;

/// <summary>A failure as recorded in history.</summary>
/// <param name="errorType">The full name of the exception's type.</param>
/// <param name="errorMessage">Its message.</param>
/// <param name="stackTrace">Its stack trace.</param>
/// <param name="innerFailure">Its cause.</param>
/// <param name="isNonRetriable">Whether retrying is of no use.</param>
public sealed class FailureDetails(
    string errorType, string errorMessage, string? stackTrace, FailureDetails? innerFailure, bool isNonRetriable)
{
    /// <summary>The full name of the exception's type.</summary>
    public string ErrorType { get; } = errorType;

    /// <summary>Its message.</summary>
    public string ErrorMessage { get; } = errorMessage;

    /// <summary>Its stack trace.</summary>
    public string? StackTrace { get; } = stackTrace;

    /// <summary>Its cause.</summary>
    public FailureDetails? InnerFailure { get; } = innerFailure;

    /// <summary>Whether retrying is of no use.</summary>
    public bool IsNonRetriable { get; } = isNonRetriable;
}
