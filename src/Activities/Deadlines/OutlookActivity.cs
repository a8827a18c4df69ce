using Microsoft.DurableTask;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Deadlines;

/// <summary>Foresees the work that is left before a TPU is searched for, and orders the places of a run that
/// moves.</summary>
public sealed class OutlookActivity(
    WorkForesight foresight, RunLedger ledger, TimeProvider clock, CapacityMemory? memory = null)
    : TaskActivity<OutlookInput, WorkOutlook>
{
    /// <inheritdoc />
    public override Task<WorkOutlook> RunAsync(TaskActivityContext context, OutlookInput input)
    {
        DeadlineFacts.NoteIfMissed(ledger, input.Spec, clock.GetUtcNow());
        var outlook = foresight.Of(input.Kind, input.Spec)
            ?? throw new InvalidOperationException($"Run '{input.Spec.RunId}' has no plan in its ledger.");
        var plan = ledger.Read<RunPlan>(input.Spec.RunId, LedgerKinds.Plan).Select(fact => fact.Data).LastOrDefault();
        return Task.FromResult(memory is null || plan is null || input.Spec.Tpu.Move != MoveChoice.Cheaper
            ? outlook
            : outlook with
            {
                Reserve = SpotRisk.GoOverAt(ledger, memory, input.Kind, input.Spec, outlook, clock.GetUtcNow()),
                Places = SpotRisk.Ordered(memory, input.Spec, plan, outlook, clock.GetUtcNow()),
            });
    }
}
