using System.Globalization;
using Microsoft.DurableTask;
using Workflows.Activities.Handover;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Variants;

/// <summary>Lets a variant begin, unless the money of its group is spent.</summary>
/// <param name="ledger">Receives the facts.</param>
/// <param name="clock">Gives the time.</param>
public sealed class BeginVariantActivity(RunLedger ledger, TimeProvider clock)
    : TaskActivity<VariantStart, RunFailure?>
{
    /// <summary>Begins a variant.</summary>
    /// <param name="context">The activity.</param>
    /// <param name="input">The variant.</param>
    /// <returns>The reason why neither this variant nor a later one begins; null if it begins.</returns>
    public override Task<RunFailure?> RunAsync(TaskActivityContext context, VariantStart input)
    {
        var (group, spec) = (input.GroupId, input.Variant);
        var spent = RunCosts.Of(ledger, group, clock.GetUtcNow()).ActualUsd;
        if (spent >= spec.BudgetUsd)
        {
            return Task.FromResult<RunFailure?>(new RunFailure(
                "BUDGET_EXHAUSTED",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The variants of '{group}' have cost {spent:0.00} USD of their budget of "
                    + $"{spec.BudgetUsd:0.00} USD, so no further one begins."),
                "Resume the run with a higher budgetUsd: variants with a verdict stay."));
        }

        if (ledger.Read(spec.RunId).Count > 0 && VariantLedgers.GroupOf(ledger, spec.RunId) != group)
        {
            return Task.FromResult<RunFailure?>(new RunFailure(
                "VARIANT_ID_TAKEN",
                $"'{spec.RunId}' is another run, which has its facts already, and variant '{spec.Group!.Variant}' of "
                + $"'{group}' would have its id.",
                $"Purge '{spec.RunId}' and resume '{group}', or start the variants under another id."));
        }

        ledger.Append(spec.RunId, LedgerKinds.VariantOf, "group", spec.Group!);

        // A node that it got in an earlier part, and whose facts its group could not write: it gives it back.
        Handovers.Complete(ledger, spec.RunId);
        var part = spec.Resumption?.Part ?? 1;
        ledger.Append(
            group, LedgerKinds.VariantBegun, VariantLedgers.KeyOf(spec.RunId, part),
            new VariantBegun(spec.RunId, spec.Group!.Variant, part));
        return Task.FromResult<RunFailure?>(null);
    }
}
