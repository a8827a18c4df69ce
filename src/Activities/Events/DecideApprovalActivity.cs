using Microsoft.DurableTask;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Events;

/// <summary>Notes the answer to the question for an approval, and returns the one that counts: the first.</summary>
/// <param name="ledger">Keeps it.</param>
public sealed class DecideApprovalActivity(RunLedger ledger) : TaskActivity<DecisionInput, ApprovalDecision>
{
    /// <inheritdoc />
    public override Task<ApprovalDecision> RunAsync(TaskActivityContext context, DecisionInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var counts = RunEventFacts.Decide(ledger, input.RunId, input.Decision);
        return Task.FromResult(counts with { PlansAnew = counts.Outcome == ApprovalOutcome.Approved });
    }
}
