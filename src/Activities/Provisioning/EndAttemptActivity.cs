using Microsoft.DurableTask;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;

namespace Workflows.Activities.Provisioning;

/// <summary>Notes how an attempt to get a TPU ended, and remembers for other runs the wait for a usable
/// node.</summary>
public sealed class EndAttemptActivity(RunLedger ledger, CapacityMemory? memory = null)
    : TaskActivity<AttemptEnd, bool>
{
    /// <inheritdoc />
    public override Task<bool> RunAsync(TaskActivityContext context, AttemptEnd input)
    {
        var isNew = ledger.Append(input.RunId, LedgerKinds.Attempt, $"{input.Lease.Attempt}", input);
        if (isNew && input.Outcome == AttemptOutcome.Ready)
        {
            var project = input.Lease.NodeName.ToString().Split('/')[1];
            memory?.RememberWait(
                project, input.Lease.Candidate, input.Seconds,
                project == VariantLedgers.RehearsalProject(ledger, input.RunId) ? CapacityMemory.RehearsalPace : 1);
        }

        return Task.FromResult(isNew);
    }
}
