using Microsoft.DurableTask;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Deadlines;

/// <summary>Foresees the work that is left before a TPU is searched for.</summary>
public sealed class OutlookActivity(WorkForesight foresight, RunLedger ledger, TimeProvider clock)
    : TaskActivity<OutlookInput, WorkOutlook>
{
    /// <inheritdoc />
    public override Task<WorkOutlook> RunAsync(TaskActivityContext context, OutlookInput input)
    {
        DeadlineFacts.NoteIfMissed(ledger, input.Spec, clock.GetUtcNow());
        return Task.FromResult(foresight.Of(input.Kind, input.Spec)
            ?? throw new InvalidOperationException($"Run '{input.Spec.RunId}' has no plan in its ledger."));
    }
}
