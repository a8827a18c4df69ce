using global::DurableTask.Core.History;

namespace Microsoft.DurableTask.Client;

public abstract partial class DurableTaskClient
{
    /// <summary>Ends an orchestration from outside.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Completes when the request is durable; the orchestration ends some time later.</returns>
    public virtual Task TerminateInstanceAsync(string instanceId, CancellationToken cancellation) =>
        TerminateInstanceAsync(instanceId, null, cancellation);

    /// <summary>Ends an orchestration from outside.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="output">Its serializable output.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Completes when the request is durable; the orchestration ends some time later.</returns>
    public virtual Task TerminateInstanceAsync(
        string instanceId, object? output, CancellationToken cancellation = default) =>
        TerminateInstanceAsync(
            instanceId, output is null ? null : new TerminateInstanceOptions(output), cancellation);

    /// <summary>Ends an orchestration from outside.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="options">Its output, and whether sub-orchestrations end too.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Completes when the request is durable; the orchestration ends some time later.</returns>
    public virtual Task TerminateInstanceAsync(
        string instanceId, TerminateInstanceOptions? options = null, CancellationToken cancellation = default) =>
        throw Unsupported("terminating orchestrations");

    /// <summary>Pauses an orchestration.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Completes when the request is durable.</returns>
    public virtual Task SuspendInstanceAsync(string instanceId, CancellationToken cancellation) =>
        SuspendInstanceAsync(instanceId, null, cancellation);

    /// <summary>Pauses an orchestration.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="reason">Why.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Completes when the request is durable.</returns>
    public abstract Task SuspendInstanceAsync(
        string instanceId, string? reason = null, CancellationToken cancellation = default);

    /// <summary>Lets a paused orchestration go on.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Completes when the request is durable.</returns>
    public virtual Task ResumeInstanceAsync(string instanceId, CancellationToken cancellation) =>
        ResumeInstanceAsync(instanceId, null, cancellation);

    /// <summary>Lets a paused orchestration go on.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="reason">Why.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Completes when the request is durable.</returns>
    public abstract Task ResumeInstanceAsync(
        string instanceId, string? reason = null, CancellationToken cancellation = default);

    /// <summary>Removes an ended orchestration.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>How many were removed.</returns>
    public virtual Task<PurgeResult> PurgeInstanceAsync(string instanceId, CancellationToken cancellation) =>
        PurgeInstanceAsync(instanceId, null, cancellation);

    /// <summary>Removes an ended orchestration.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="options">Whether sub-orchestrations go too.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>How many were removed.</returns>
    /// <exception cref="InvalidOperationException">The orchestration has not ended.</exception>
    public virtual Task<PurgeResult> PurgeInstanceAsync(
        string instanceId, PurgeInstanceOptions? options = null, CancellationToken cancellation = default) =>
        throw Unsupported("purging orchestrations");

    /// <summary>Removes ended orchestrations.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>How many were removed.</returns>
    public virtual Task<PurgeResult> PurgeAllInstancesAsync(
        PurgeInstancesFilter filter, CancellationToken cancellation) =>
        PurgeAllInstancesAsync(filter, null, cancellation);

    /// <summary>Removes ended orchestrations.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="options">Whether sub-orchestrations go too.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>How many were removed.</returns>
    public virtual Task<PurgeResult> PurgeAllInstancesAsync(
        PurgeInstancesFilter filter, PurgeInstanceOptions? options = null, CancellationToken cancellation = default) =>
        throw Unsupported("purging orchestrations");

    /// <summary>Runs an ended orchestration again from its start.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="restartWithNewInstanceId">Whether the new run gets an id of its own.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The id of the new run.</returns>
    /// <exception cref="ArgumentException">The orchestration is unknown.</exception>
    /// <exception cref="InvalidOperationException">It has not ended and the id would be the same.</exception>
    public virtual Task<string> RestartAsync(
        string instanceId, bool restartWithNewInstanceId = false, CancellationToken cancellation = default) =>
        throw Unsupported("restarting orchestrations");

    /// <summary>Puts a failed orchestration back to before its failure and runs it on.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="reason">Why.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Completes when the request is durable.</returns>
    public virtual Task RewindInstanceAsync(
        string instanceId, string reason, CancellationToken cancellation = default) =>
        throw Unsupported("rewinding orchestrations");

    /// <summary>Reads what happened to an orchestration, from its start.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The events of its present or last execution.</returns>
    /// <exception cref="ArgumentException">The orchestration is unknown.</exception>
    public virtual Task<IList<HistoryEvent>> GetOrchestrationHistoryAsync(
        string instanceId, CancellationToken cancellation = default) =>
        throw Unsupported("reading histories");

    /// <summary>Lists ids of ended orchestrations.</summary>
    /// <param name="runtimeStatus">In one of these statuses; null for any.</param>
    /// <param name="completedTimeFrom">Ended at or after this moment.</param>
    /// <param name="completedTimeTo">Ended before or at this moment.</param>
    /// <param name="pageSize">How many ids at most.</param>
    /// <param name="lastInstanceKey">Where to start.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>One page of ids.</returns>
    public virtual Task<Page<string>> ListInstanceIdsAsync(
        IEnumerable<OrchestrationRuntimeStatus>? runtimeStatus = null,
        DateTimeOffset? completedTimeFrom = null,
        DateTimeOffset? completedTimeTo = null,
        int pageSize = OrchestrationQuery.DefaultPageSize,
        string? lastInstanceKey = null,
        CancellationToken cancellation = default) => throw Unsupported("listing instance ids");
}
