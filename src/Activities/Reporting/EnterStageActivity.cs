using Microsoft.DurableTask;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>Notes the beginning of a stage.</summary>
public sealed class EnterStageActivity(RunLedger ledger) : TaskActivity<StageInput, bool>
{
    /// <inheritdoc />
    public override Task<bool> RunAsync(TaskActivityContext context, StageInput input) =>
        Task.FromResult(ledger.AppendInPart(input.RunId, LedgerKinds.Stage, WireName.Of(input.Stage), input));
}
