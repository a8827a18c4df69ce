using Microsoft.DurableTask.Entities;

namespace Microsoft.DurableTask.Client.Entities;

/// <summary>Signals, reads and lists entities.</summary>
/// <param name="name">The client's name.</param>
public abstract class DurableEntityClient(string name)
{
    /// <summary>The client's name.</summary>
    public string Name { get; } = name;

    /// <summary>Sends an operation to an entity.</summary>
    /// <param name="id">The entity; it need not exist.</param>
    /// <param name="operationName">The operation.</param>
    /// <param name="input">Its serializable input.</param>
    /// <param name="options">When the signal is due.</param>
    /// <param name="cancellation">Cancels the call, not the signal.</param>
    /// <returns>Completes when the signal is durable; it runs later, and nobody is told when it fails.</returns>
    public abstract Task SignalEntityAsync(
        EntityInstanceId id,
        string operationName,
        object? input = null,
        SignalEntityOptions? options = null,
        CancellationToken cancellation = default);

    /// <summary>Sends an operation to an entity.</summary>
    /// <param name="id">The entity; it need not exist.</param>
    /// <param name="operationName">The operation.</param>
    /// <param name="options">When the signal is due.</param>
    /// <param name="cancellation">Cancels the call, not the signal.</param>
    /// <returns>Completes when the signal is durable.</returns>
    public virtual Task SignalEntityAsync(
        EntityInstanceId id,
        string operationName,
        SignalEntityOptions options,
        CancellationToken cancellation = default) =>
        SignalEntityAsync(id, operationName, null, options, cancellation);

    /// <summary>Sends an operation to an entity.</summary>
    /// <param name="id">The entity; it need not exist.</param>
    /// <param name="operationName">The operation.</param>
    /// <param name="cancellation">Cancels the call, not the signal.</param>
    /// <returns>Completes when the signal is durable.</returns>
    public virtual Task SignalEntityAsync(
        EntityInstanceId id, string operationName, CancellationToken cancellation) =>
        SignalEntityAsync(id, operationName, null, null, cancellation);

    /// <summary>Reads an entity.</summary>
    /// <param name="id">The entity.</param>
    /// <param name="includeState">Whether the state comes along.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The entity; null when it has no state.</returns>
    public abstract Task<EntityMetadata?> GetEntityAsync(
        EntityInstanceId id, bool includeState = true, CancellationToken cancellation = default);

    /// <summary>Reads an entity with its state.</summary>
    /// <param name="id">The entity.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The entity; null when it has no state.</returns>
    public virtual Task<EntityMetadata?> GetEntityAsync(EntityInstanceId id, CancellationToken cancellation) =>
        GetEntityAsync(id, includeState: true, cancellation);

    /// <summary>Reads an entity.</summary>
    /// <typeparam name="T">The type to read the state as.</typeparam>
    /// <param name="id">The entity.</param>
    /// <param name="includeState">Whether the state comes along.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The entity; null when it has no state.</returns>
    public abstract Task<EntityMetadata<T>?> GetEntityAsync<T>(
        EntityInstanceId id, bool includeState = true, CancellationToken cancellation = default);

    /// <summary>Reads an entity with its state.</summary>
    /// <typeparam name="T">The type to read the state as.</typeparam>
    /// <param name="id">The entity.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The entity; null when it has no state.</returns>
    public virtual Task<EntityMetadata<T>?> GetEntityAsync<T>(EntityInstanceId id, CancellationToken cancellation) =>
        GetEntityAsync<T>(id, includeState: true, cancellation);

    /// <summary>Lists entities.</summary>
    /// <param name="filter">Which; null for all that have a state.</param>
    /// <returns>The entities, fetched page by page.</returns>
    public abstract AsyncPageable<EntityMetadata> GetAllEntitiesAsync(EntityQuery? filter = null);

    /// <summary>Lists entities.</summary>
    /// <typeparam name="T">The type to read the states as.</typeparam>
    /// <param name="filter">Which; null for all that have a state.</param>
    /// <returns>The entities, fetched page by page.</returns>
    public abstract AsyncPageable<EntityMetadata<T>> GetAllEntitiesAsync<T>(EntityQuery? filter = null);

    /// <summary>Removes empty entities and releases locks whose holders are gone.</summary>
    /// <param name="request">What to do; null for everything.</param>
    /// <param name="continueUntilComplete">Whether to go on until nothing is left.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>What was done.</returns>
    public abstract Task<CleanEntityStorageResult> CleanEntityStorageAsync(
        CleanEntityStorageRequest? request = null,
        bool continueUntilComplete = true,
        CancellationToken cancellation = default);
}
