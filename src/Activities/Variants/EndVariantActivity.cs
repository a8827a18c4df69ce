using Microsoft.DurableTask;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Variants;

/// <summary>Notes how a variant ended, and compares the variants until then.</summary>
/// <param name="ledger">Receives the fact.</param>
/// <param name="clock">Gives the time.</param>
public sealed class EndVariantActivity(RunLedger ledger, TimeProvider clock) : TaskActivity<EndVariantInput, bool>
{
    /// <inheritdoc />
    public override async Task<bool> RunAsync(TaskActivityContext context, EndVariantInput input)
    {
        var end = input.End with { Usd = RunCosts.Of(ledger, input.End.RunId, clock.GetUtcNow()).ActualUsd };

        // The part as it was begun: one that breaks at once has not said in its own ledger that it is another one.
        var part = VariantLedgers.PartOf(ledger, input.GroupId, end.RunId);
        var isNew = ledger.Append(input.GroupId, LedgerKinds.VariantEnded, VariantLedgers.KeyOf(end.RunId, part), end);
        await ComparisonFiles.WriteAsync(
            ledger, ComparisonBuilder.Build(ledger, input.GroupId, RunStatus.Running, null, clock.GetUtcNow()));
        return isNew;
    }
}
