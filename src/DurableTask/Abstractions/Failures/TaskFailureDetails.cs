using System.Diagnostics.CodeAnalysis;

namespace Microsoft.DurableTask;

/// <summary>A failure as recorded in history: the exception's type, text and cause, not the exception itself.</summary>
/// <param name="ErrorType">The full name of the exception's type.</param>
/// <param name="ErrorMessage">Its message.</param>
/// <param name="StackTrace">Its stack trace.</param>
/// <param name="InnerFailure">Its cause.</param>
/// <param name="Properties">What an <c>IExceptionPropertiesProvider</c> added.</param>
public record TaskFailureDetails(
    string ErrorType,
    string ErrorMessage,
    string? StackTrace,
    TaskFailureDetails? InnerFailure,
    IDictionary<string, object?>? Properties)
{
    private Type? _type;

    // Recorded on the wire, not part of the public record.
    internal bool IsNonRetriable { get; init; }

    /// <summary>Records an exception with its causes.</summary>
    /// <param name="exception">The exception.</param>
    /// <returns>The details.</returns>
    public static TaskFailureDetails FromException(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return exception is TaskFailedException failed
            ? new(typeof(TaskFailedException).FullName!, failed.Message, failed.StackTrace, failed.FailureDetails, null)
            : new(
                exception.GetType().FullName ?? exception.GetType().Name,
                exception.Message,
                exception.StackTrace,
                exception.InnerException is { } inner ? FromException(inner) : null,
                null);
    }

    /// <summary>Says whether the failure was an exception of a type, or of one derived from it.</summary>
    /// <typeparam name="T">The exception type.</typeparam>
    /// <returns>True when it was; false also when the recorded type is not loaded.</returns>
    public bool IsCausedBy<T>()
        where T : Exception => IsCausedBy(typeof(T));

    /// <summary>Says whether the failure was an exception of a type, or of one derived from it.</summary>
    /// <param name="targetBaseExceptionType">The exception type.</param>
    /// <returns>True when it was; false also when the recorded type is not loaded.</returns>
    /// <exception cref="ArgumentException">The type is no exception type.</exception>
    public bool IsCausedBy(Type targetBaseExceptionType)
    {
        ArgumentNullException.ThrowIfNull(targetBaseExceptionType);
        if (!typeof(Exception).IsAssignableFrom(targetBaseExceptionType))
        {
            throw new ArgumentException(
                $"'{targetBaseExceptionType}' is not an exception type.", nameof(targetBaseExceptionType));
        }

        if (string.Equals(targetBaseExceptionType.FullName, ErrorType, StringComparison.Ordinal))
        {
            return true;
        }

        _type ??= FindType(ErrorType);
        return _type is not null && targetBaseExceptionType.IsAssignableFrom(_type);
    }

    /// <inheritdoc/>
    public override string ToString() => $"{ErrorType}: {ErrorMessage}";

    // The cached type is no part of the value.
    /// <inheritdoc/>
    public virtual bool Equals(TaskFailureDetails? other) =>
        other is not null && ErrorType == other.ErrorType && ErrorMessage == other.ErrorMessage
        && StackTrace == other.StackTrace && Equals(InnerFailure, other.InnerFailure)
        && Equals(Properties, other.Properties);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(ErrorType, ErrorMessage, StackTrace);

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "A missing type only makes the answer false.")]
    private static Type? FindType(string name) =>
        Type.GetType(name, throwOnError: false)
        ?? AppDomain.CurrentDomain.GetAssemblies()
            .Select(assembly => assembly.GetType(name, throwOnError: false))
            .FirstOrDefault(type => type is not null);
}
