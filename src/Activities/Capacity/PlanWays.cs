using System.Text.Json.Serialization;
using Workflows.Activities.Readiness;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>A place for a run's work with the times and costs that its plan expected there, for the report.</summary>
/// <param name="Place">The place.</param>
/// <param name="Train">Seconds of training.</param>
/// <param name="Evaluate">Seconds of translating.</param>
/// <param name="Rest">Seconds without computing.</param>
/// <param name="LossSeconds">Seconds for the losses that were expected there.</param>
/// <param name="LossUsd">US dollars for these losses.</param>
/// <param name="OtherUsd">US dollars for searches in vain and for egress.</param>
/// <param name="Source">Source of the times; null if not known.</param>
/// <param name="IsAsked">true if the request names the place.</param>
public sealed record PlanWay(
    Candidate Place, double Train, double Evaluate, double Rest, double LossSeconds, double LossUsd, double OtherUsd,
    EstimateSource? Source, bool IsAsked)
{
    /// <summary>Gets a value indicating whether the type holds the model's weights, but not its training.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool OnlyTranslates { get; init; }

    /// <summary>Creates the way of a place.</summary>
    internal static PlanWay Of(Candidate place, TimeEstimate time, PlaceCost cost, bool isAsked) => new(
        place, time.Train, time.Evaluate, time.Rest,
        Math.Max(0, cost.ExpectedSeconds - cost.ExpectedWaitSeconds - time.Total), cost.LossUsd,
        cost.InVainUsd + cost.EgressUsd, time.Source, isAsked);
}

/// <summary>Lists the ways to do a run's work: its own places, and those that it could have asked for.</summary>
internal static class PlanWays
{
    /// <summary>Bytes of a weight in bfloat16, in which the model is decoded.</summary>
    private const double BytesPerWeight = 2;

    /// <summary>Memory for translating over that of the weights, for caches and rows; chosen.</summary>
    private const double Headroom = 1.25;

    /// <summary>Lists each single-host type of the catalog that the program fits on, spot and on demand, at its place
    /// of the least expected cost that has not refused lately. Flex-start is counted at the price on demand, so it adds
    /// no choice.</summary>
    /// <param name="catalog">The types, zones and prices.</param>
    /// <param name="memory">The recent refusals; null for none.</param>
    /// <param name="spec">The run.</param>
    /// <param name="figures">Memory and times on each type.</param>
    /// <param name="ranking">The expected costs.</param>
    /// <param name="quotas">The quotas; places whose quota is known to be too small are left out.</param>
    /// <returns>The places with their costs.</returns>
    public static IEnumerable<(Candidate Place, PlaceCost Cost)> OfCatalog(
        PriceCatalog catalog, CapacityMemory? memory, RunSpec spec, RunFigures figures, PlaceRanking ranking,
        QuotaLimits quotas)
    {
        foreach (var type in catalog.AcceleratorTypes.Where(type => figures.MemoryOf(type).Fits))
        {
            foreach (var mode in (ProvisioningMode[])[ProvisioningMode.Spot, ProvisioningMode.OnDemand])
            {
                if (Best(catalog, memory, spec, ranking, quotas, type, mode) is { } best)
                {
                    yield return best;
                }
            }
        }
    }

    /// <summary>Lists the types that hold the model's weights for translating, but not the program of the
    /// training.</summary>
    private static IEnumerable<(Candidate Place, PlaceCost Cost)> OnlyForTranslation(
        PriceCatalog catalog, CapacityMemory? memory, RunSpec spec, RunFigures figures, PlaceRanking ranking,
        QuotaLimits quotas) =>
        from type in catalog.AcceleratorTypes
        where !figures.MemoryOf(type).Fits && catalog.HbmGibPerChip(type) is { } has
            && figures.Parameters * BytesPerWeight * Headroom <= has * PlaceMemory.Gibibyte
        from mode in (ProvisioningMode[])[ProvisioningMode.Spot, ProvisioningMode.OnDemand]
        let best = Best(catalog, memory, spec, ranking, quotas, type, mode)
        where best is not null
        select best.Value;

    private static (Candidate Place, PlaceCost Cost)? Best(
        PriceCatalog catalog, CapacityMemory? memory, RunSpec spec, PlaceRanking ranking, QuotaLimits quotas,
        string type, ProvisioningMode mode) =>
        catalog.Chips(type) <= PlaceList.ChipsOfOneHost(type)
        && catalog.Offers(type, mode, null)
            .Where(place => PlaceList.IsWithinPrice(place.UsdPerHour, spec) && quotas.LackOf(place) is null)
            .Select(place => (Place: place, Cost: ranking.CostOf(place)))
            .OrderBy(each => each.Cost.ExpectedUsd)
            .FirstOrDefault(each => memory?.Find(spec.Project, each.Place) is null)
            is { Place: not null } best ? best : null;

    /// <summary>Lists the ways of a plan: all of its places, and the best one of each type and mode of the
    /// catalog. A rehearsal computes on this machine, so other types say nothing about it.</summary>
    /// <param name="catalog">The types, zones and prices.</param>
    /// <param name="memory">The recent refusals; null for none.</param>
    /// <param name="spec">The run.</param>
    /// <param name="figures">Memory and times on each type.</param>
    /// <param name="ranking">The expected costs.</param>
    /// <param name="quotas">The quotas.</param>
    /// <param name="plan">The plan.</param>
    /// <returns>Each place once.</returns>
    public static IReadOnlyList<PlanWay> Of(
        PriceCatalog catalog, CapacityMemory? memory, RunSpec spec, RunFigures figures, PlaceRanking ranking,
        QuotaLimits quotas, RunPlan plan)
    {
        var own = plan.Candidates.Concat(plan.OnDemand ?? [])
            .Select(place => (Place: place, Cost: ranking.CostOf(place)));
        var others = OfCatalog(catalog, memory, spec, figures, ranking, quotas)
            .Where(each => !spec.IsRehearsal || spec.Tpu.AcceleratorTypes.Contains(each.Place.AcceleratorType));
        var holders = spec.IsRehearsal ? [] : OnlyForTranslation(catalog, memory, spec, figures, ranking, quotas);
        return
        [
            .. own.Select(each => Way(each, isAsked: true)).Concat(others.Select(each => Way(each, isAsked: false)))
                .Concat(holders.Select(each => Way(each, isAsked: false) with { OnlyTranslates = true }))
                .DistinctBy(way => (way.Place.Zone, way.Place.AcceleratorType, way.Place.Provisioning)),
        ];

        PlanWay Way((Candidate Place, PlaceCost Cost) each, bool isAsked) =>
            PlanWay.Of(each.Place, figures.EstimateOf(each.Place.AcceleratorType), each.Cost, isAsked);
    }
}
