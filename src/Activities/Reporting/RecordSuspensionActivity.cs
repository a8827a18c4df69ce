using System.Globalization;
using Microsoft.DurableTask;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>Notes the beginning or the end of a suspension.</summary>
public sealed class RecordSuspensionActivity(RunLedger ledger) : TaskActivity<SuspensionChange, bool>
{
    /// <inheritdoc />
    public override Task<bool> RunAsync(TaskActivityContext context, SuspensionChange input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return Task.FromResult(ledger.AppendInPart(
            input.RunId, input.IsSuspended ? LedgerKinds.Suspended : LedgerKinds.Unsuspended,
            input.Number.ToString(CultureInfo.InvariantCulture), input));
    }
}
