using System.Globalization;
using Microsoft.DurableTask;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Deadlines;

/// <summary>Notes that a run goes over to on-demand nodes: once, and once more after each move back to spot.</summary>
public sealed class RecordSwitchActivity(RunLedger ledger) : TaskActivity<SpotSwitch, bool>
{
    /// <inheritdoc />
    public override Task<bool> RunAsync(TaskActivityContext context, SpotSwitch input)
    {
        var back = DeadlineFacts.MovesBack(ledger, input.RunId).Count();
        return Task.FromResult(ledger.AppendInPart(
            input.RunId, LedgerKinds.Switched,
            back == 0 ? "switch" : string.Create(CultureInfo.InvariantCulture, $"switch-{back + 1}"), input));
    }
}
