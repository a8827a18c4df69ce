using Microsoft.DurableTask;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Provisioning;

/// <summary>Notes how an attempt to get a TPU ended.</summary>
public sealed class EndAttemptActivity(RunLedger ledger) : TaskActivity<AttemptEnd, bool>
{
    /// <inheritdoc />
    public override Task<bool> RunAsync(TaskActivityContext context, AttemptEnd input) => Task.FromResult(
        ledger.Append(input.RunId, LedgerKinds.Attempt, $"{input.Lease.Attempt}", input));
}
