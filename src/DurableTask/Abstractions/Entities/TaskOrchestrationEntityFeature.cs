using System.Diagnostics.CodeAnalysis;

namespace Microsoft.DurableTask.Entities;

/// <summary>An orchestration's access to durable entities.</summary>
public abstract class TaskOrchestrationEntityFeature
{
    /// <summary>Calls an operation and waits for its answer.</summary>
    /// <typeparam name="TResult">The type to read the answer as.</typeparam>
    /// <param name="id">The entity; it need not exist.</param>
    /// <param name="operationName">The operation.</param>
    /// <param name="input">Its serializable input.</param>
    /// <param name="options">How to call.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="EntityOperationFailedException">The operation failed.</exception>
    /// <exception cref="InvalidOperationException">A critical section does not allow the call.</exception>
    public abstract Task<TResult> CallEntityAsync<TResult>(
        EntityInstanceId id, string operationName, object? input = null, CallEntityOptions? options = null);

    /// <summary>Calls an operation and waits for its answer.</summary>
    /// <typeparam name="TResult">The type to read the answer as.</typeparam>
    /// <param name="id">The entity; it need not exist.</param>
    /// <param name="operationName">The operation.</param>
    /// <param name="options">How to call.</param>
    /// <returns>The answer.</returns>
    public virtual Task<TResult> CallEntityAsync<TResult>(
        EntityInstanceId id, string operationName, CallEntityOptions? options) =>
        CallEntityAsync<TResult>(id, operationName, null, options);

    /// <summary>Calls an operation and waits for its end.</summary>
    /// <param name="id">The entity; it need not exist.</param>
    /// <param name="operationName">The operation.</param>
    /// <param name="input">Its serializable input.</param>
    /// <param name="options">How to call.</param>
    /// <returns>Completes when the operation has.</returns>
    /// <exception cref="EntityOperationFailedException">The operation failed.</exception>
    /// <exception cref="InvalidOperationException">A critical section does not allow the call.</exception>
    public abstract Task CallEntityAsync(
        EntityInstanceId id, string operationName, object? input = null, CallEntityOptions? options = null);

    /// <summary>Calls an operation and waits for its end.</summary>
    /// <param name="id">The entity; it need not exist.</param>
    /// <param name="operationName">The operation.</param>
    /// <param name="options">How to call.</param>
    /// <returns>Completes when the operation has.</returns>
    public virtual Task CallEntityAsync(EntityInstanceId id, string operationName, CallEntityOptions? options) =>
        CallEntityAsync(id, operationName, null, options);

    /// <summary>Sends an operation and does not wait for it. Nobody is told when it fails.</summary>
    /// <param name="id">The entity; it need not exist.</param>
    /// <param name="operationName">The operation.</param>
    /// <param name="input">Its serializable input.</param>
    /// <param name="options">When the signal is due.</param>
    /// <returns>Completes at once.</returns>
    /// <exception cref="InvalidOperationException">The entity is locked by this orchestration.</exception>
    public abstract Task SignalEntityAsync(
        EntityInstanceId id, string operationName, object? input = null, SignalEntityOptions? options = null);

    /// <summary>Sends an operation and does not wait for it.</summary>
    /// <param name="id">The entity; it need not exist.</param>
    /// <param name="operationName">The operation.</param>
    /// <param name="options">When the signal is due.</param>
    /// <returns>Completes at once.</returns>
    public virtual Task SignalEntityAsync(
        EntityInstanceId id, string operationName, SignalEntityOptions? options) =>
        SignalEntityAsync(id, operationName, null, options);

    /// <summary>Locks entities against everybody else, all at once.</summary>
    /// <param name="entityIds">The entities, at least one, in any order.</param>
    /// <returns>The critical section, once all locks are held; disposing it releases them.</returns>
    /// <exception cref="ArgumentException">No entity is named.</exception>
    /// <exception cref="InvalidOperationException">The orchestration is in a critical section already.</exception>
    public abstract Task<IAsyncDisposable> LockEntitiesAsync(IEnumerable<EntityInstanceId> entityIds);

    /// <summary>Locks entities against everybody else, all at once.</summary>
    /// <param name="entityIds">The entities, at least one, in any order.</param>
    /// <returns>The critical section, once all locks are held; disposing it releases them.</returns>
    public virtual Task<IAsyncDisposable> LockEntitiesAsync(params EntityInstanceId[] entityIds) =>
        LockEntitiesAsync((IEnumerable<EntityInstanceId>)entityIds);

    /// <summary>Says whether the orchestration holds locks.</summary>
    /// <param name="entityIds">The locked entities that no open call is using.</param>
    /// <returns>True inside a critical section.</returns>
    public abstract bool InCriticalSection([NotNullWhen(true)] out IReadOnlyList<EntityInstanceId>? entityIds);

    /// <summary>Says whether the orchestration holds locks.</summary>
    /// <returns>True inside a critical section.</returns>
    public virtual bool InCriticalSection() => InCriticalSection(out _);
}
