namespace Microsoft.DurableTask.Client;

/// <summary>Which ended orchestrations to purge.</summary>
/// <param name="CreatedFrom">Created at or after this moment.</param>
/// <param name="CreatedTo">Created before or at this moment.</param>
/// <param name="Statuses">In one of these statuses; null for every final one.</param>
public record PurgeInstancesFilter(
    DateTimeOffset? CreatedFrom = null,
    DateTimeOffset? CreatedTo = null,
    IEnumerable<OrchestrationRuntimeStatus>? Statuses = null)
{
    /// <summary>How long one call may take; it then reports that it is not complete.</summary>
    /// <value>Null for no limit.</value>
    public TimeSpan? Timeout { get; init; }
}
