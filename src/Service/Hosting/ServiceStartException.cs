namespace Workflows.Service.Hosting;

/// <summary>The service cannot start. The message names the fault and its remedy.</summary>
public sealed class ServiceStartException(string message, Exception? inner = null) : Exception(message, inner);
