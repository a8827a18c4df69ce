namespace Microsoft.DurableTask.Client;

/// <summary>Additions to <see cref="DurableTaskClient"/>.</summary>
public static class DurableTaskClientExtensions
{
    /// <summary>Removes ended orchestrations created in a range of time.</summary>
    /// <param name="client">The client.</param>
    /// <param name="createdFrom">Created at or after this moment.</param>
    /// <param name="createdTo">Created before or at this moment.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>How many were removed.</returns>
    public static Task<PurgeResult> PurgeInstancesAsync(
        this DurableTaskClient client,
        DateTimeOffset? createdFrom,
        DateTimeOffset? createdTo,
        CancellationToken cancellation = default) =>
        PurgeInstancesAsync(client, createdFrom, createdTo, null, null, cancellation);

    /// <summary>Removes ended orchestrations created in a range of time.</summary>
    /// <param name="client">The client.</param>
    /// <param name="createdFrom">Created at or after this moment.</param>
    /// <param name="createdTo">Created before or at this moment.</param>
    /// <param name="statuses">In one of these statuses; null for every final one.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>How many were removed.</returns>
    public static Task<PurgeResult> PurgeInstancesAsync(
        this DurableTaskClient client,
        DateTimeOffset? createdFrom,
        DateTimeOffset? createdTo,
        IEnumerable<OrchestrationRuntimeStatus>? statuses,
        CancellationToken cancellation = default) =>
        PurgeInstancesAsync(client, createdFrom, createdTo, statuses, null, cancellation);

    /// <summary>Removes ended orchestrations created in a range of time.</summary>
    /// <param name="client">The client.</param>
    /// <param name="createdFrom">Created at or after this moment.</param>
    /// <param name="createdTo">Created before or at this moment.</param>
    /// <param name="options">Whether sub-orchestrations go too.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>How many were removed.</returns>
    public static Task<PurgeResult> PurgeInstancesAsync(
        this DurableTaskClient client,
        DateTimeOffset? createdFrom,
        DateTimeOffset? createdTo,
        PurgeInstanceOptions? options,
        CancellationToken cancellation = default) =>
        PurgeInstancesAsync(client, createdFrom, createdTo, null, options, cancellation);

    /// <summary>Removes ended orchestrations created in a range of time.</summary>
    /// <param name="client">The client.</param>
    /// <param name="createdFrom">Created at or after this moment.</param>
    /// <param name="createdTo">Created before or at this moment.</param>
    /// <param name="statuses">In one of these statuses; null for every final one.</param>
    /// <param name="options">Whether sub-orchestrations go too.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>How many were removed.</returns>
    public static Task<PurgeResult> PurgeInstancesAsync(
        this DurableTaskClient client,
        DateTimeOffset? createdFrom,
        DateTimeOffset? createdTo,
        IEnumerable<OrchestrationRuntimeStatus>? statuses,
        PurgeInstanceOptions? options,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        return client.PurgeAllInstancesAsync(
            new PurgeInstancesFilter(createdFrom, createdTo, statuses), options, cancellation);
    }
}
