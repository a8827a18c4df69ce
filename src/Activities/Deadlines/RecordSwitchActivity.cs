using Microsoft.DurableTask;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Deadlines;

/// <summary>Notes that a run goes over to on-demand nodes.</summary>
public sealed class RecordSwitchActivity(RunLedger ledger) : TaskActivity<SpotSwitch, bool>
{
    /// <inheritdoc />
    public override Task<bool> RunAsync(TaskActivityContext context, SpotSwitch input) =>
        Task.FromResult(ledger.AppendInPart(input.RunId, LedgerKinds.Switched, "switch", input));
}
