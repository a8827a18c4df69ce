using Microsoft.DurableTask.Client.Entities;
using System.ComponentModel;
using Microsoft.DurableTask.Internal;

namespace Microsoft.DurableTask.Client;

/// <summary>Starts, watches and steers orchestrations. Thread-safe; keep one for the life of the program.</summary>
public abstract partial class DurableTaskClient : IOrchestrationSubmitter, IAsyncDisposable
{
    /// <summary>Makes a client.</summary>
    /// <param name="name">The client's name.</param>
    protected DurableTaskClient(string name) => Name = name;

    /// <summary>The client's name.</summary>
    public string Name { get; }

    /// <summary>Access to durable entities.</summary>
    /// <exception cref="NotSupportedException">The client has none, or its options disable them.</exception>
    public virtual DurableEntityClient Entities => throw Unsupported("durable entities");

    /// <summary>Starts an orchestration.</summary>
    /// <param name="orchestratorName">The orchestrator.</param>
    /// <param name="cancellation">Cancels the call, not the orchestration.</param>
    /// <returns>The id of the instance, once it is durable.</returns>
    public virtual Task<string> ScheduleNewOrchestrationInstanceAsync(
        TaskName orchestratorName, CancellationToken cancellation) =>
        ScheduleNewOrchestrationInstanceAsync(orchestratorName, null, null, cancellation);

    /// <summary>Starts an orchestration.</summary>
    /// <param name="orchestratorName">The orchestrator.</param>
    /// <param name="input">Its serializable input.</param>
    /// <param name="cancellation">Cancels the call, not the orchestration.</param>
    /// <returns>The id of the instance, once it is durable.</returns>
    public virtual Task<string> ScheduleNewOrchestrationInstanceAsync(
        TaskName orchestratorName, object? input, CancellationToken cancellation) =>
        ScheduleNewOrchestrationInstanceAsync(orchestratorName, input, null, cancellation);

    /// <summary>Starts an orchestration.</summary>
    /// <param name="orchestratorName">The orchestrator.</param>
    /// <param name="options">Id, start time, version and tags.</param>
    /// <param name="cancellation">Cancels the call, not the orchestration.</param>
    /// <returns>The id of the instance, once it is durable.</returns>
    public virtual Task<string> ScheduleNewOrchestrationInstanceAsync(
        TaskName orchestratorName, StartOrchestrationOptions options, CancellationToken cancellation = default) =>
        ScheduleNewOrchestrationInstanceAsync(orchestratorName, null, options, cancellation);

    /// <inheritdoc/>
    public abstract Task<string> ScheduleNewOrchestrationInstanceAsync(
        TaskName orchestratorName,
        object? input = null,
        StartOrchestrationOptions? options = null,
        CancellationToken cancellation = default);

    /// <summary>Sends an event to an orchestration; an unknown or ended one drops it silently.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="eventName">The event's name.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Completes when the event is durable.</returns>
    public virtual Task RaiseEventAsync(string instanceId, string eventName, CancellationToken cancellation) =>
        RaiseEventAsync(instanceId, eventName, null, cancellation);

    /// <summary>Sends an event to an orchestration; an unknown or ended one drops it silently.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="eventName">The event's name.</param>
    /// <param name="eventPayload">Its serializable payload.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Completes when the event is durable.</returns>
    public abstract Task RaiseEventAsync(
        string instanceId, string eventName, object? eventPayload = null, CancellationToken cancellation = default);

    /// <summary>Waits until an orchestration is no longer pending.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>Its state then.</returns>
    public virtual Task<OrchestrationMetadata> WaitForInstanceStartAsync(
        string instanceId, CancellationToken cancellation) =>
        WaitForInstanceStartAsync(instanceId, false, cancellation);

    /// <summary>Waits until an orchestration is no longer pending.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="getInputsAndOutputs">Whether data comes along.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>Its state then.</returns>
    public abstract Task<OrchestrationMetadata> WaitForInstanceStartAsync(
        string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default);

    /// <summary>Waits until an orchestration has ended.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>Its state then.</returns>
    public virtual Task<OrchestrationMetadata> WaitForInstanceCompletionAsync(
        string instanceId, CancellationToken cancellation) =>
        WaitForInstanceCompletionAsync(instanceId, false, cancellation);

    /// <summary>Waits until an orchestration has ended.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="getInputsAndOutputs">Whether data comes along.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>Its state then.</returns>
    public abstract Task<OrchestrationMetadata> WaitForInstanceCompletionAsync(
        string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default);

    /// <summary>Gets an orchestration's state.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Its state; null when it is unknown.</returns>
    public virtual Task<OrchestrationMetadata?> GetInstanceAsync(string instanceId, CancellationToken cancellation) =>
        GetInstanceAsync(instanceId, false, cancellation);

    /// <summary>Gets an orchestration's state.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="getInputsAndOutputs">Whether data comes along.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Its state; null when it is unknown.</returns>
    public virtual Task<OrchestrationMetadata?> GetInstanceAsync(
        string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default) =>
        GetInstancesAsync(instanceId, getInputsAndOutputs, cancellation);

    /// <summary>Gets an orchestration's state; the older name of <c>GetInstanceAsync</c>.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="getInputsAndOutputs">Whether data comes along.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Its state; null when it is unknown.</returns>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public abstract Task<OrchestrationMetadata?> GetInstancesAsync(
        string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default);

    /// <summary>Gets an orchestration's state without its data; the older name of <c>GetInstanceAsync</c>.</summary>
    /// <param name="instanceId">The orchestration.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Its state; null when it is unknown.</returns>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public virtual Task<OrchestrationMetadata?> GetInstancesAsync(string instanceId, CancellationToken cancellation) =>
        GetInstancesAsync(instanceId, false, cancellation);

    /// <summary>Lists orchestrations.</summary>
    /// <param name="filter">Which; null for all.</param>
    /// <returns>The orchestrations, fetched page by page.</returns>
    public abstract AsyncPageable<OrchestrationMetadata> GetAllInstancesAsync(OrchestrationQuery? filter = null);

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();

    private NotSupportedException Unsupported(string what) => new($"{GetType()} does not support {what}.");
}
