using Microsoft.DurableTask;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Handover;

/// <summary>Hands an offered node on to a variant that begins; its worker then connects for that variant.</summary>
/// <param name="ledger">Receives the facts.</param>
/// <param name="jobs">Has the worker.</param>
public sealed class HandNodeActivity(RunLedger ledger, ITpuJobs jobs) : TaskActivity<HandInput, bool>
{
    /// <inheritdoc />
    /// <returns>false if the node is being released.</returns>
    public override Task<bool> RunAsync(TaskActivityContext context, HandInput input)
    {
        var isHanded = Handovers.Hand(ledger, input.Handed.From, input.Handed.Lease, input.To);
        if (isHanded)
        {
            jobs.Hand(input.Handed.From, input.Handed.Lease.NodeName);
        }

        return Task.FromResult(isHanded);
    }
}
