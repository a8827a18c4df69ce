namespace Microsoft.DurableTask.Client;

/// <summary>Which orchestrations to list.</summary>
/// <param name="CreatedFrom">Created at or after this moment.</param>
/// <param name="CreatedTo">Created before or at this moment.</param>
/// <param name="Statuses">In one of these statuses; null for any.</param>
/// <param name="TaskHubNames">In one of these task hubs; null for the client's own.</param>
/// <param name="InstanceIdPrefix">With an id that starts so.</param>
/// <param name="PageSize">How many a page holds at most.</param>
/// <param name="FetchInputsAndOutputs">Whether data comes along.</param>
/// <param name="ContinuationToken">Where to start.</param>
public record OrchestrationQuery(
    DateTimeOffset? CreatedFrom = null,
    DateTimeOffset? CreatedTo = null,
    IEnumerable<OrchestrationRuntimeStatus>? Statuses = null,
    IEnumerable<string>? TaskHubNames = null,
    string? InstanceIdPrefix = null,
    int PageSize = OrchestrationQuery.DefaultPageSize,
    bool FetchInputsAndOutputs = false,
    string? ContinuationToken = null)
{
    /// <summary>The page size when none is given.</summary>
    public const int DefaultPageSize = 100;
}
