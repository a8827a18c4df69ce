namespace Workflows.Cli;

/// <summary>
/// A service, or a proxy before it, is busy, restarting or stopping; the same call may succeed later.
/// </summary>
/// <param name="message">The service's message.</param>
internal sealed class ServiceAwayException(string message) : CommandException(message, ExitCodes.Failed);
