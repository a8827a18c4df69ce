namespace Workflows.Cli;

/// <summary>A fault that the user can fix; only its message is shown.</summary>
internal class CommandException(string message, int exitCode) : Exception(message)
{
    /// <summary>Gets the exit code.</summary>
    public int ExitCode { get; } = exitCode;
}
