using Microsoft.DurableTask;
using Workflows.Orchestrations;

namespace Workflows.Activities.Training;

/// <summary>Sends the worker the command to stop; the node is released afterwards in any case.</summary>
public sealed class StopJobActivity(ITpuJobs jobs) : TaskActivity<ObserveJobInput, bool>
{
    /// <inheritdoc />
    public override Task<bool> RunAsync(TaskActivityContext context, ObserveJobInput input)
    {
        jobs.Stop(input.Kind, input.Spec.RunId, input.Lease.NodeName);
        return Task.FromResult(true);
    }
}
