namespace Microsoft.DurableTask.Client;

/// <summary>How an orchestration is terminated.</summary>
/// <param name="Output">Its serializable output.</param>
/// <param name="Recursive">Whether sub-orchestrations are terminated too.</param>
public record TerminateInstanceOptions(object? Output = null, bool Recursive = false);
