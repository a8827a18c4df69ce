using System.Globalization;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Hosting;

namespace Workflows.Service.Runs;

/// <summary>Serves GET /runs/{id}/cost: the cost of a run so far, by stage and day.</summary>
internal static class CostEndpoint
{
    public static void MapCost(this IEndpointRouteBuilder runs) => runs.MapGet("/{id}/cost", ShowAsync)
        .Described("showCost", "Shows the cost of a run so far, by stage and day, and its price per hour.", 404)
        .Produces<CostView>().AddEndpointFilter<EntityTags>();

    private static async Task<IResult> ShowAsync(
        string id, RunService service, RunLedger ledger, TimeProvider clock, CancellationToken cancellation)
    {
        if (!RunId.TryParse(id, out var runId) || await service.FindAsync(runId, cancellation) is not { } run)
        {
            return RunEndpoints.Unknown(id);
        }

        var now = clock.GetUtcNow();
        var cost = RunCosts.Of(ledger, runId, now);
        return TypedResults.Ok(new CostView(
            runId, cost.ActualUsd, run.BudgetUsd, run.EstimatedUsd, run.UsdPerHour, cost.BilledSeconds,
            cost.ByStage.OrderBy(each => each.Key).ToDictionary(each => WireName.Of(each.Key), each => each.Value),
            RunCosts.ByDay(ledger, runId, now).OrderBy(each => each.Key).ToDictionary(
                each => each.Key.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), each => each.Value),
            run.Nodes)
        {
            Egress = EgressCost.Of(ledger, runId),
        });
    }
}

/// <summary>The cost of a run so far, in US dollars.</summary>
/// <param name="Id">The run.</param>
/// <param name="ActualUsd">Cost of all nodes of all parts until now.</param>
/// <param name="BudgetUsd">The budget, at which the run stops.</param>
/// <param name="EstimatedUsd">The plan's estimate; null before the plan.</param>
/// <param name="UsdPerHour">Price of the nodes that cost now, per hour.</param>
/// <param name="BilledSeconds">Seconds for which some node cost.</param>
/// <param name="ByStage">The cost by stage, with compilation separate; the values add up to the whole.</param>
/// <param name="ByDay">The cost by day (UTC), such as 2026-11-29; the values add up to the whole.</param>
/// <param name="Nodes">Nodes that are not proved gone.</param>
public sealed record CostView(
    RunId Id, double ActualUsd, double BudgetUsd, double? EstimatedUsd, double UsdPerHour, double BilledSeconds,
    IReadOnlyDictionary<string, double> ByStage, IReadOnlyDictionary<string, double> ByDay,
    IReadOnlyList<NodeView> Nodes)
{
    /// <summary>Gets the egress between the run's bucket and its nodes: computed, and not in the other sums; null if no
    /// bytes are known.</summary>
    public EgressCost? Egress { get; init; }
}
