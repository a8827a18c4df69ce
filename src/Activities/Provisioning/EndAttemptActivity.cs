using Microsoft.DurableTask;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;

namespace Workflows.Activities.Provisioning;

/// <summary>Notes how an attempt to get a TPU ended, and remembers for other runs the wait for a usable node, and
/// attempts in vain.</summary>
public sealed class EndAttemptActivity(RunLedger ledger, CapacityMemory? memory = null)
    : TaskActivity<AttemptEnd, bool>
{
    /// <inheritdoc />
    public override Task<bool> RunAsync(TaskActivityContext context, AttemptEnd input)
    {
        var isNew = ledger.Append(input.RunId, LedgerKinds.Attempt, $"{input.Lease.Attempt}", input);
        if (isNew && memory is not null && input.Lease.NodeName != NodeName.None)
        {
            var project = input.Lease.NodeName.ToString().Split('/')[1];
            var pace =
                project == VariantLedgers.RehearsalProject(ledger, input.RunId) ? CapacityMemory.RehearsalPace : 1;
            if (input.Outcome == AttemptOutcome.Ready)
            {
                memory.RememberWait(project, input.Lease.Candidate, input.Seconds, pace);
            }
            else if (IsOfThePlace(input))
            {
                memory.RememberInVain(project, input.Lease.Candidate, input.Seconds, pace);
            }
        }

        return Task.FromResult(isNew);
    }

    /// <summary>Returns whether the place gave no node. A refusal that is not remembered is the run's own, as is one of
    /// the whole project.</summary>
    private static bool IsOfThePlace(AttemptEnd end) =>
        end is
        {
            Outcome: AttemptOutcome.Refused or AttemptOutcome.Failed or AttemptOutcome.Timeout,
            Refusal: { RememberSeconds: > 0, IsOfRun: false, Scope: RefusalScope.Zone or RefusalScope.Region },
        };
}
