namespace Workflows.Service.Hosting;

/// <summary>The service cannot start; the message says what to mend.</summary>
public sealed class ServiceStartException(string message, Exception? inner = null) : Exception(message, inner);
