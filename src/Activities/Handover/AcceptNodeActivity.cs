using Microsoft.DurableTask;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Handover;

/// <summary>Compares a node that a variant was handed with the variant's plan.</summary>
/// <param name="ledger">The facts.</param>
/// <param name="jobs">Has the worker.</param>
public sealed class AcceptNodeActivity(RunLedger ledger, ITpuJobs jobs) : TaskActivity<AcceptInput, NodeAcceptance>
{
    /// <inheritdoc />
    public override Task<NodeAcceptance> RunAsync(TaskActivityContext context, AcceptInput input)
    {
        var (runId, handed) = (input.Spec.RunId, input.Handed);

        // Completes a handover that was decided and then interrupted.
        if (!Handovers.Receive(ledger, handed.From, handed.Lease, runId))
        {
            return Task.FromResult(new NodeAcceptance(null, IsOwned: false));
        }

        jobs.Hand(handed.From, handed.Lease.NodeName);
        var isReleased = ledger.Read(runId).Any(entry =>
            entry.Kind == LedgerKinds.Revoked && entry.Key == handed.Lease.NodeName.ToString());
        var fits = !isReleased && input.Plan.Candidates.Any(place => IsSame(place, handed.Lease.Candidate));
        return Task.FromResult(new NodeAcceptance(
            fits ? handed.Lease with { Attempt = 0 } : null, IsOwned: !isReleased)
        {
            // Longer than the boot that it saves, and it costs more than a node that is rented later.
            MostIdleSeconds = fits ? input.Spec.Pace.BootSeconds : null,
        });
    }

    /// <summary>The price may have changed since the node was rented; the plan's places are all affordable.</summary>
    private static bool IsSame(Candidate place, Candidate node) =>
        place with { UsdPerHour = 0, Chips = 0 } == node with { UsdPerHour = 0, Chips = 0 };
}
