using Microsoft.DurableTask.Entities;
using Microsoft.Extensions.Logging;

namespace Microsoft.DurableTask;

/// <summary>The only way for an orchestrator to act and to read the time: every member replays to the same
/// value.</summary>
/// <remarks>Members may be used on the orchestrator's own thread only, that is, in its own code and
/// continuations.</remarks>
public abstract partial class TaskOrchestrationContext
{
    /// <summary>The orchestrator's name.</summary>
    public abstract TaskName Name { get; }

    /// <summary>The id of this orchestration.</summary>
    public abstract string InstanceId { get; }

    /// <summary>The orchestration that started this one.</summary>
    /// <value>Null for a top-level orchestration.</value>
    public abstract ParentOrchestrationInstance? Parent { get; }

    /// <summary>The time of the current episode, in UTC; it replays to the same value.</summary>
    public abstract DateTime CurrentUtcDateTime { get; }

    /// <summary>Whether the code is at a point that it has passed before.</summary>
    public abstract bool IsReplaying { get; }

    /// <summary>The version this instance was started with.</summary>
    /// <value>Empty when there is none.</value>
    public virtual string Version => string.Empty;

    /// <summary>Properties from the engine's configuration.</summary>
    public virtual IReadOnlyDictionary<string, object?> Properties { get; } = new Dictionary<string, object?>();

    /// <summary>Access to durable entities.</summary>
    /// <exception cref="NotSupportedException">The context has no entities, or the worker's options disable
    /// them.</exception>
    public virtual TaskOrchestrationEntityFeature Entities =>
        throw new NotSupportedException("Durable entities are not supported by this orchestration context.");

    /// <summary>The factory behind the replay-safe loggers.</summary>
    protected abstract ILoggerFactory LoggerFactory { get; }

    /// <summary>Reads the input.</summary>
    /// <typeparam name="T">The type to read it as.</typeparam>
    /// <returns>The input, or the default value when there is none.</returns>
    public abstract T? GetInput<T>();

    /// <summary>Calls an activity and ignores its result.</summary>
    /// <param name="name">The activity.</param>
    /// <param name="options">Retries, version and tags.</param>
    /// <returns>Completes when the activity has.</returns>
    public virtual Task CallActivityAsync(TaskName name, TaskOptions options) => CallActivityAsync(name, null, options);

    /// <summary>Calls an activity and ignores its result.</summary>
    /// <param name="name">The activity.</param>
    /// <param name="input">Its serializable input.</param>
    /// <param name="options">Retries, version and tags.</param>
    /// <returns>Completes when the activity has.</returns>
    /// <exception cref="TaskFailedException">The activity failed.</exception>
    public virtual Task CallActivityAsync(TaskName name, object? input = null, TaskOptions? options = null) =>
        CallActivityAsync<object>(name, input, options);

    /// <summary>Calls an activity.</summary>
    /// <typeparam name="TResult">The type to read the result as.</typeparam>
    /// <param name="name">The activity.</param>
    /// <param name="options">Retries, version and tags.</param>
    /// <returns>The activity's result.</returns>
    public virtual Task<TResult> CallActivityAsync<TResult>(TaskName name, TaskOptions options) =>
        CallActivityAsync<TResult>(name, null, options);

    /// <summary>Calls an activity.</summary>
    /// <typeparam name="TResult">The type to read the result as.</typeparam>
    /// <param name="name">The activity.</param>
    /// <param name="input">Its serializable input.</param>
    /// <param name="options">Retries, version and tags.</param>
    /// <returns>The activity's result.</returns>
    /// <exception cref="TaskFailedException">The activity failed.</exception>
    public abstract Task<TResult> CallActivityAsync<TResult>(
        TaskName name, object? input = null, TaskOptions? options = null);

    /// <summary>Makes a durable timer.</summary>
    /// <param name="delay">How long from the current orchestration time.</param>
    /// <param name="cancellationToken">Cancels the wait; the orchestration cannot complete while a timer is
    /// open.</param>
    /// <returns>Completes when the time has come.</returns>
    public virtual Task CreateTimer(TimeSpan delay, CancellationToken cancellationToken) =>
        CreateTimer(CurrentUtcDateTime.Add(delay), cancellationToken);

    /// <summary>Makes a durable timer.</summary>
    /// <param name="fireAt">The moment, in UTC.</param>
    /// <param name="cancellationToken">Cancels the wait; the orchestration cannot complete while a timer is
    /// open.</param>
    /// <returns>Completes when the time has come.</returns>
    public abstract Task CreateTimer(DateTime fireAt, CancellationToken cancellationToken);

    /// <summary>Waits for an external event. Of several waits for one name the newest is served first.</summary>
    /// <typeparam name="T">The type to read the payload as.</typeparam>
    /// <param name="eventName">The name, in any case.</param>
    /// <param name="cancellationToken">Ends the wait; a later event is then kept for the next wait.</param>
    /// <returns>The payload.</returns>
    public abstract Task<T> WaitForExternalEvent<T>(string eventName, CancellationToken cancellationToken = default);

    /// <summary>Waits for an external event, but not for ever.</summary>
    /// <typeparam name="T">The type to read the payload as.</typeparam>
    /// <param name="eventName">The name, in any case.</param>
    /// <param name="timeout">How long to wait at most.</param>
    /// <returns>The payload.</returns>
    /// <exception cref="TaskCanceledException">The time ran out.</exception>
    public Task<T> WaitForExternalEvent<T>(string eventName, TimeSpan timeout) =>
        WaitForExternalEvent<T>(eventName, timeout, CancellationToken.None);

    /// <summary>Waits for an external event, but not for ever.</summary>
    /// <typeparam name="T">The type to read the payload as.</typeparam>
    /// <param name="eventName">The name, in any case.</param>
    /// <param name="timeout">How long to wait at most.</param>
    /// <param name="cancellationToken">Ends the wait early.</param>
    /// <returns>The payload.</returns>
    /// <exception cref="TaskCanceledException">The time ran out, or the token was cancelled.</exception>
    public async Task<T> WaitForExternalEvent<T>(
        string eventName, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var timerCancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var eventCancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task timer = CreateTimer(timeout, timerCancellation.Token);
        Task<T> payload = WaitForExternalEvent<T>(eventName, eventCancellation.Token);

        Task first = await Task.WhenAny(timer, payload);

        // Cancel synchronously: a continuation elsewhere would leave the orchestrator's thread.
#pragma warning disable CA1849
        (first == payload ? timerCancellation : eventCancellation).Cancel();
#pragma warning restore CA1849
        return await payload;
    }

    /// <summary>Sends an event to another orchestration; an unknown target drops it silently.</summary>
    /// <param name="instanceId">The target.</param>
    /// <param name="eventName">The event's name.</param>
    /// <param name="payload">Its serializable payload.</param>
    public abstract void SendEvent(string instanceId, string eventName, object payload);

    /// <summary>Sets the status text that clients see.</summary>
    /// <param name="customStatus">A serializable value; null clears it.</param>
    public abstract void SetCustomStatus(object? customStatus);

    /// <summary>Runs another orchestration and waits for its result.</summary>
    /// <typeparam name="TResult">The type to read the result as.</typeparam>
    /// <param name="orchestratorName">The orchestrator.</param>
    /// <param name="input">Its serializable input.</param>
    /// <param name="options">Retries, instance id, version and tags.</param>
    /// <returns>The result.</returns>
    /// <exception cref="TaskFailedException">The sub-orchestration failed.</exception>
    public abstract Task<TResult> CallSubOrchestratorAsync<TResult>(
        TaskName orchestratorName, object? input = null, TaskOptions? options = null);

    /// <summary>Runs another orchestration and waits for its result.</summary>
    /// <typeparam name="TResult">The type to read the result as.</typeparam>
    /// <param name="orchestratorName">The orchestrator.</param>
    /// <param name="options">Retries, instance id, version and tags.</param>
    /// <returns>The result.</returns>
    public virtual Task<TResult> CallSubOrchestratorAsync<TResult>(TaskName orchestratorName, TaskOptions options) =>
        CallSubOrchestratorAsync<TResult>(orchestratorName, null, options);

    /// <summary>Runs another orchestration and waits for its end.</summary>
    /// <param name="orchestratorName">The orchestrator.</param>
    /// <param name="options">Retries, instance id, version and tags.</param>
    /// <returns>Completes when the sub-orchestration has.</returns>
    public virtual Task CallSubOrchestratorAsync(TaskName orchestratorName, TaskOptions options) =>
        CallSubOrchestratorAsync(orchestratorName, null, options);

    /// <summary>Runs another orchestration and waits for its end.</summary>
    /// <param name="orchestratorName">The orchestrator.</param>
    /// <param name="input">Its serializable input.</param>
    /// <param name="options">Retries, instance id, version and tags.</param>
    /// <returns>Completes when the sub-orchestration has.</returns>
    public virtual Task CallSubOrchestratorAsync(
        TaskName orchestratorName, object? input = null, TaskOptions? options = null) =>
        CallSubOrchestratorAsync<object>(orchestratorName, input, options);

    /// <summary>Ends this generation and starts the orchestration over with a fresh history.</summary>
    /// <param name="newInput">The input of the next generation.</param>
    /// <param name="preserveUnprocessedEvents">Whether received, not awaited events go along.</param>
    public abstract void ContinueAsNew(object? newInput = null, bool preserveUnprocessedEvents = true);

    /// <summary>Ends this generation and starts the orchestration over with a fresh history.</summary>
    /// <param name="options">Input, version and what happens to unread events.</param>
    public virtual void ContinueAsNew(ContinueAsNewOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (!string.IsNullOrWhiteSpace(options.NewVersion))
        {
            throw new NotSupportedException($"'{GetType()}' does not support a new version on continue-as-new.");
        }

        ContinueAsNew(options.NewInput, options.PreserveUnprocessedEvents);
    }

    /// <summary>Makes a GUID that replays to the same value.</summary>
    /// <returns>A name-based GUID.</returns>
    public abstract Guid NewGuid();
}
