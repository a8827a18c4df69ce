using Microsoft.DurableTask;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>Notes the loss of a TPU.</summary>
public sealed class RecordLossActivity(RunLedger ledger) : TaskActivity<LossInput, bool>
{
    /// <inheritdoc />
    public override Task<bool> RunAsync(TaskActivityContext context, LossInput input) => Task.FromResult(
        ledger.Append(input.RunId, LedgerKinds.Loss, $"{input.Loss.DetectedAt:O}", input.Loss));
}
