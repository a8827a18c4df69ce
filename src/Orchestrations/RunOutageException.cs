namespace Workflows.Orchestrations;

/// <summary>
/// A fault that another try may fix, such as a bucket out of reach. The policy of its stage retries it; if it outlasts
/// the retries, the run ends with this code, and not as with a fault of this program. It has no inner exception, since
/// a run's failure is read from the innermost one.
/// </summary>
public sealed class RunOutageException : Exception
{
    /// <summary>Creates the fault.</summary>
    /// <param name="code">Stable code, listed in docs/errors.md.</param>
    /// <param name="message">The fault, naming the field, address or place.</param>
    /// <param name="fix">The remedy.</param>
    public RunOutageException(string code, string message, string fix)
        : base(RunFaultException.TextOf(code, message, fix)) => Failure = new RunFailure(code, message, fix);

    /// <summary>The fault as data.</summary>
    public RunFailure Failure { get; }
}
