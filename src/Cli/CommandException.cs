namespace Workflows.Cli;

/// <summary>Something that a person must mend; shown as its message alone.</summary>
internal sealed class CommandException(string message, int exitCode) : Exception(message)
{
    /// <summary>Gets the exit code.</summary>
    public int ExitCode { get; } = exitCode;
}
