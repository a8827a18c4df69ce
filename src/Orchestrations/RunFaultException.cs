using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>A fault that no retry can fix, such as bad data or a wrong checkpoint.</summary>
public sealed class RunFaultException : Exception
{
    private const string FixMark = "\nFix: ";

    /// <summary>Creates the fault.</summary>
    /// <param name="code">Stable code, listed in docs/errors.md.</param>
    /// <param name="message">The fault, naming the field, file or line.</param>
    /// <param name="fix">The remedy.</param>
    public RunFaultException(string code, string message, string fix)
        : base(TextOf(code, message, fix)) => Failure = new RunFailure(code, message, fix);

    /// <summary>The fault as data.</summary>
    public RunFailure Failure { get; }

    /// <summary>Reads a fault back from an activity's failure.</summary>
    /// <param name="details">The failure as recorded in the history.</param>
    /// <returns>The fault, also one of <see cref="RunOutageException"/>; a general one for any other
    /// exception.</returns>
    public static RunFailure Read(TaskFailureDetails details)
    {
        // Failure details carry only type name and message, so the message is the wire format.
        var message = details.ErrorMessage;
        if (details.ErrorType == typeof(RunFaultException).FullName
            || details.ErrorType == typeof(RunOutageException).FullName)
        {
            var colon = message.IndexOf(": ", StringComparison.Ordinal);
            var fix = message.LastIndexOf(FixMark, StringComparison.Ordinal);
            if (colon > 0 && fix > colon)
            {
                return new RunFailure(
                    message[..colon], message[(colon + 2)..fix], message[(fix + FixMark.Length)..]);
            }
        }

        return new RunFailure(
            "INTERNAL", $"{details.ErrorType}: {message}",
            "Look at the service's log around this time; the run can be started again.");
    }

    /// <summary>Writes a fault as the text from which it is read back.</summary>
    internal static string TextOf(string code, string message, string fix) => $"{code}: {message}{FixMark}{fix}";

    /// <summary>Returns whether another try can succeed.</summary>
    /// <param name="details">The failure as recorded in the history.</param>
    /// <returns>false for faults of this type.</returns>
    public static bool IsWorthRetrying(TaskFailureDetails details) =>
        details.ErrorType != typeof(RunFaultException).FullName;
}
