namespace Microsoft.DurableTask.Worker;

/// <summary>Decides which orchestrations a worker runs. Those that it refuses are handed back for other
/// workers.</summary>
/// <remarks>The official packages call it experimental.</remarks>
public interface IOrchestrationFilter
{
    /// <summary>Asks before each episode.</summary>
    /// <param name="info">The orchestration.</param>
    /// <param name="cancellationToken">The worker is stopping.</param>
    /// <returns>False hands the orchestration back.</returns>
    public ValueTask<bool> IsOrchestrationValidAsync(
        OrchestrationFilterParameters info, CancellationToken cancellationToken = default);
}
