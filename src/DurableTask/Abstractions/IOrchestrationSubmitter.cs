namespace Microsoft.DurableTask.Internal;

/// <summary>Something that starts orchestrations; generated code extends it.</summary>
public interface IOrchestrationSubmitter
{
    /// <summary>Starts an orchestration.</summary>
    /// <param name="orchestratorName">The orchestrator.</param>
    /// <param name="input">Its serializable input.</param>
    /// <param name="options">Id, start time, version and tags.</param>
    /// <param name="cancellation">Cancels the call, not the orchestration.</param>
    /// <returns>The id of the instance, once it is durable.</returns>
    public Task<string> ScheduleNewOrchestrationInstanceAsync(
        TaskName orchestratorName,
        object? input = null,
        StartOrchestrationOptions? options = null,
        CancellationToken cancellation = default);
}
