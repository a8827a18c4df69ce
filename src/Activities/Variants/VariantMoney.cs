using System.Text.Json;
using Workflows.Activities.Handover;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Variants;

/// <summary>The common money of a group's variants.</summary>
internal static class VariantMoney
{
    /// <summary>
    /// Returns the part of the budget that the other variants of a run's group have spent, or need by their plans. Of
    /// variants that plan at once, the one whose plan was written first has the money; a plan for which nothing was
    /// left then takes none.
    /// </summary>
    /// <param name="ledger">The facts, the plan of the run among them.</param>
    /// <param name="spec">The run.</param>
    /// <param name="now">End time for nodes that still cost.</param>
    /// <returns>US dollars; 0 for a run without a group.</returns>
    public static double TakenByOthers(RunLedger ledger, RunSpec spec, DateTimeOffset now)
    {
        if (spec.Group is not { } group)
        {
            return 0;
        }

        var spent = RunCosts.Of(ledger, group.Id, now).ActualUsd;
        var own = PlanOf(spec.RunId);
        var earlier = VariantLedgers.MembersOf(ledger, group.Id)
            .Where(id => id != spec.RunId && RunParts.EndOf(ledger.Read(id)) is null
                && Handovers.HandedOn(ledger, id).Count == 0)
            .Select(id => (Id: id, Plan: PlanOf(id)))
            .Where(each => each.Plan is { } plan && (own is null || Order(each.Id, plan).CompareTo(
                Order(spec.RunId, own)) < 0))
            .OrderBy(each => Order(each.Id, each.Plan!));
        var left = spec.BudgetUsd - spent;
        foreach (var (id, plan) in earlier)
        {
            var usd = plan!.Data.Deserialize<RunPlan>(RunLedger.Json)!.EstimatedUsd;
            var rest = Math.Max(0, usd - RunCosts.Of(ledger, id, now).ActualUsd);
            left -= rest <= left ? rest : 0;
        }

        return spec.BudgetUsd - left - RunCosts.Of(ledger, spec.RunId, now).ActualUsd;

        LedgerEntry? PlanOf(RunId id) => RunParts.Current(ledger.Read(id))
            .LastOrDefault(entry => entry.Kind == LedgerKinds.Plan);

        static (DateTimeOffset, string) Order(RunId id, LedgerEntry plan) => (plan.At, id.Value);
    }
}
