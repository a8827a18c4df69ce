using Google.Cloud.Tpu.V2;
using Microsoft.DurableTask;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;

namespace Workflows.Activities.Handover;

/// <summary>
/// Offers the node of a variant that needs it no more to those of its group that have not begun, if it is healthy.
/// </summary>
/// <param name="cloud">The TPU API.</param>
/// <param name="ledger">Receives the fact.</param>
/// <param name="jobs">Knows whether the worker is connected.</param>
public sealed class OfferNodeActivity(ITpuCloud cloud, RunLedger ledger, ITpuJobs jobs)
    : TaskActivity<OfferInput, bool>
{
    /// <inheritdoc />
    /// <returns>false if the node is to be released.</returns>
    public override async Task<bool> RunAsync(TaskActivityContext context, OfferInput input)
    {
        var (spec, name) = (input.Spec, input.Lease.NodeName);
        if (spec.Group is not { } group || !VariantLedgers.HasWaiting(ledger, group.Id)
            || !jobs.IsConnected(spec.RunId, name))
        {
            return false;
        }

        var state = await ObserveNodeActivity.StateOfAsync(
            await cloud.ConnectAsync(spec, CancellationToken.None), name);
        if (state != nameof(Node.Types.State.Ready))
        {
            return false;
        }

        Handovers.Offer(ledger, spec.RunId, input.Lease);
        return true;
    }
}
