using Microsoft.DurableTask;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Events;

/// <summary>Asks for the approval of a run, unless its estimate is one that needs none.</summary>
/// <param name="ledger">Keeps the question, which is an event for others, too.</param>
/// <param name="clock">Gives the time.</param>
public sealed class AskApprovalActivity(RunLedger ledger, TimeProvider clock)
    : TaskActivity<ApprovalInput, RunApproval?>
{
    /// <inheritdoc />
    public override Task<RunApproval?> RunAsync(TaskActivityContext context, ApprovalInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (input.EstimatedUsd <= input.Approval.AboveUsd)
        {
            return Task.FromResult<RunApproval?>(null);
        }

        var now = clock.GetUtcNow();
        return Task.FromResult<RunApproval?>(RunEventFacts.Ask(ledger, input.RunId, new RunApproval(
            now, now.AddHours(input.Approval.WithinHours), input.EstimatedUsd, input.EstimatedSeconds,
            input.BudgetUsd)));
    }
}
