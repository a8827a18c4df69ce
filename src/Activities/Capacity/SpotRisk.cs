using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// The expected cost of the work that is left on spot nodes of one place. A loss costs the start of another node and on
/// average half of what the work since a checkpoint may be: money, and time before the deadline. When that time is used
/// up, the rest is done on demand.
/// </summary>
internal static class SpotRisk
{
    /// <summary>Orders places by the expected cost of the work that is left: the cheaper ones first, unless losses
    /// there would use up the time before the deadline.</summary>
    /// <param name="memory">Lives of nodes.</param>
    /// <param name="spec">The run.</param>
    /// <param name="plan">Its plan.</param>
    /// <param name="outlook">The work that is left.</param>
    /// <param name="now">The current time.</param>
    /// <returns>All places of the plan; those of different types keep the order of their types.</returns>
    public static IReadOnlyList<Candidate> Ordered(
        CapacityMemory memory, RunSpec spec, RunPlan plan, WorkOutlook outlook, DateTimeOffset now)
    {
        var types = plan.Candidates.Select(place => place.AcceleratorType).Distinct().ToList();
        double? onDemand = plan.OnDemand is { Count: > 0 } ways ? ways.Min(place => place.UsdPerHour) : null;
        double? spare = spec.Deadline is { } deadline && onDemand is not null
            ? (outlook.SearchSpotUntil(deadline, spec.Pace) - now).TotalSeconds : null;
        return
        [
            .. plan.Candidates.OrderBy(place => types.IndexOf(place.AcceleratorType))
                .ThenBy(place => place.Provisioning != ProvisioningMode.Spot ? place.UsdPerHour * outlook.Work / 3600
                    : UsdOf(
                        place.UsdPerHour, memory.LifeOf(spec.Project, place).Seconds, outlook, spare, onDemand)),
        ];
    }

    /// <summary>Returns the seconds of spare time that a search for spot nodes leaves for later losses: those that are
    /// expected in the work that is left, each with the way to an on-demand node and back.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="memory">Lives of nodes.</param>
    /// <param name="kind">The job.</param>
    /// <param name="spec">The run.</param>
    /// <param name="outlook">The work that is left.</param>
    /// <returns>0 for a run that does not move.</returns>
    public static double Reserve(
        RunLedger ledger, CapacityMemory memory, JobKind kind, RunSpec spec, WorkOutlook outlook)
    {
        if (kind != JobKind.Train || spec.Tpu.Move != MoveChoice.Cheaper)
        {
            return 0;
        }

        var life = SpotOf(ledger, spec).Select(place => memory.LifeOf(spec.Project, place).Seconds)
            .DefaultIfEmpty(SpotLife.Prior).Max();
        return outlook.Work / life * (outlook.Start + outlook.Restart + (outlook.Loss / 2));
    }

    /// <summary>
    /// Returns the spare time at which a search for spot nodes goes over to an on-demand node once every place was
    /// asked in vain: what later losses are expected to need. A run that has no more spare time than the way to an
    /// on-demand node takes would go over for good, so it waits through what it has, which costs nothing.
    /// </summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="memory">Lives of nodes.</param>
    /// <param name="kind">The job.</param>
    /// <param name="spec">The run.</param>
    /// <param name="outlook">The work that is left.</param>
    /// <param name="now">The current time.</param>
    /// <returns>Seconds; 0 to wait through all of it.</returns>
    public static double GoOverAt(
        RunLedger ledger, CapacityMemory memory, JobKind kind, RunSpec spec, WorkOutlook outlook, DateTimeOffset now)
    {
        // A move back is asked for with two polls to spare, or not at all.
        var way = outlook.Restart + (2 * spec.Pace.PollSeconds);
        return spec.Deadline is { } deadline && (outlook.SearchSpotUntil(deadline, spec.Pace) - now).TotalSeconds < way
            ? 0 : Reserve(ledger, memory, kind, spec, outlook);
    }

    private static IReadOnlyList<Candidate> SpotOf(RunLedger ledger, RunSpec spec) =>
    [
        .. (ledger.Read<RunPlan>(spec.RunId, LedgerKinds.Plan).Select(fact => fact.Data).LastOrDefault()?.Candidates
            ?? []).Where(place => place.Provisioning == ProvisioningMode.Spot),
    ];

    /// <summary>Returns the expected cost.</summary>
    /// <param name="usdPerHour">Price of the spot node.</param>
    /// <param name="life">Expected seconds until a node is lost, above 0.</param>
    /// <param name="outlook">The work that is left.</param>
    /// <param name="spare">Seconds before the deadline that losses may use; null without a deadline.</param>
    /// <param name="onDemandUsd">Price of an on-demand node; null if the run cannot go over.</param>
    /// <returns>US dollars.</returns>
    public static double UsdOf(
        double usdPerHour, double life, WorkOutlook outlook, double? spare, double? onDemandUsd) =>
        Of(usdPerHour, life, outlook, spare, onDemandUsd).Usd;

    /// <summary>Returns the expected cost and the losses in it.</summary>
    /// <param name="usdPerHour">Price of the spot node.</param>
    /// <param name="life">Expected seconds until a node is lost, above 0.</param>
    /// <param name="outlook">The work that is left.</param>
    /// <param name="spare">Seconds before the deadline that losses may use; null without a deadline.</param>
    /// <param name="onDemandUsd">Price of an on-demand node; null if the run cannot go over.</param>
    /// <returns>US dollars, losses, and seconds that one of them costs.</returns>
    public static (double Usd, double Losses, double SecondsPerLoss) Of(
        double usdPerHour, double life, WorkOutlook outlook, double? spare, double? onDemandUsd)
    {
        var perLoss = outlook.Start + (outlook.Loss / 2);
        var losses = spare is { } left ? Math.Max(0, left) / Math.Max(1, perLoss + outlook.OnDemandWait)
            : double.PositiveInfinity;

        // Lives between losses, and the one that begins after the last affordable loss.
        var onSpot = Math.Min(outlook.Work, (losses + 1) * life);
        var rest = (outlook.Work - onSpot) * (onDemandUsd ?? usdPerHour);
        return (((onSpot * (1 + (perLoss / life)) * usdPerHour) + rest) / 3600, onSpot / life, perLoss);
    }
}
