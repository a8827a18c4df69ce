namespace Workflows.Cli;

/// <summary>
/// A service, or a proxy before it, that is busy, starts anew or ends: the same question may be answered later.
/// </summary>
/// <param name="message">The service's words.</param>
internal sealed class ServiceAwayException(string message) : CommandException(message, ExitCodes.Failed);
