using Microsoft.DurableTask;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Variants;

/// <summary>Compares the variants of a group, as JSON and as a page, and ends the group.</summary>
/// <param name="ledger">Receives the fact.</param>
/// <param name="clock">Gives the time.</param>
public sealed class CompareVariantsActivity(RunLedger ledger, TimeProvider clock)
    : TaskActivity<CompareInput, RunOutcome>
{
    /// <inheritdoc />
    public override async Task<RunOutcome> RunAsync(TaskActivityContext context, CompareInput input)
    {
        var path = await ComparisonFiles.WriteAsync(ledger, ComparisonBuilder.Build(
            ledger, input.GroupId, input.Status, input.Failure, clock.GetUtcNow()));
        var outcome = new RunOutcome(input.Status, path, input.Failure);
        ledger.AppendInPart(input.GroupId, LedgerKinds.End, "end", outcome);
        return outcome;
    }
}
