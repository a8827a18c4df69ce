namespace Microsoft.DurableTask.Client;

/// <summary>How orchestrations are purged.</summary>
/// <param name="Recursive">Whether sub-orchestrations go too.</param>
public record PurgeInstanceOptions(bool Recursive = false);
