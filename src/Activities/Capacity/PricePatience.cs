using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Decides whether a run with a deadline asks for a dear spot node now. Waiting for a cheap one costs no money while
/// there is time to spare, so dear places are left out until most of that time is used (ADR 0022). A run waits only if
/// it can be wrong about little: its rate is measured, an on-demand node remains at the end, and the cheap place lacks
/// nothing but capacity.
/// </summary>
/// <param name="ledger">The facts.</param>
/// <param name="memory">Refusals that hold.</param>
/// <param name="foresight">The work that is left.</param>
/// <param name="clock">Gives the time.</param>
public sealed class PricePatience(
    RunLedger ledger, CapacityMemory memory, WorkForesight foresight, TimeProvider clock)
{
    /// <summary>The code of a place that is left out for now.</summary>
    public const string Code = Refusal.Later;

    /// <summary>Factor of the cheapest price above which a place is dear; chosen.</summary>
    internal const double Dear = 1.2;

    /// <summary>Share of the spare time that is kept for dear places; chosen after a few simulations with the seed of
    /// docs/capacity.md.</summary>
    internal const double Kept = 0.2;

    /// <summary>Least time that is kept for the losses of spot nodes, as a share of the work that is left; chosen in
    /// the same way.</summary>
    internal const double Reserve = 0.1;

    /// <summary>Refusals that may end within minutes; other ones are no reason to wait for a place.</summary>
    private static readonly string[] OfCapacity = ["OUT_OF_CAPACITY", "QUEUE_TIMEOUT", Refusal.RateLimited];

    /// <summary>Returns the reason to leave a place out for now.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="place">The place.</param>
    /// <returns>null to ask.</returns>
    public Refusal? Find(RunSpec spec, Candidate place)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(place);
        if (place.Provisioning != ProvisioningMode.Spot || spec.Deadline is not { } deadline
            || spec.Tpu.Fallback != SpotFallback.OnDemand)
        {
            return null;
        }

        // A run that was resumed has used an unknown part of its time, and one that has gone over needs any node.
        var facts = ledger.Read(spec.RunId);
        if (facts.Any(fact => fact.Kind is LedgerKinds.Resumed or LedgerKinds.Switched)
            || facts.LastOrDefault(fact => fact.Kind == LedgerKinds.Plan) is not { } planned
            || planned.Data.Deserialize<RunPlan>(RunLedger.Json) is not { OnDemand.Count: > 0 } plan
            || CheapestOf(spec, plan.Candidates, place, facts) is not { } cheapest
            || place.UsdPerHour <= cheapest.UsdPerHour * Dear
            || foresight.Of(KindOf(spec.RunId), spec) is not { Uncertainty: not null } outlook)
        {
            return null;
        }

        // Kept is a part of what there was in the beginning: of the time to the deadline, or of a search that ends
        // before it.
        var byDeadline = outlook.SearchSpotUntil(deadline, spec.Pace);
        var (begun, end) = SearchOf(spec, outlook, facts);
        var spare = end < byDeadline
            ? (end - begun).TotalSeconds : (deadline - planned.At).TotalSeconds - plan.EstimatedSeconds;
        var kept = new[]
        {
            spare * Kept, outlook.Work * Reserve, SpotRisk.Reserve(ledger, memory, KindOf(spec.RunId), spec, outlook),
        }.Max();
        var until = (end < byDeadline ? end : byDeadline).AddSeconds(-kept);
        return clock.GetUtcNow() >= until ? null : new Refusal(
            Code, RefusalScope.Zone, 0,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{place.Zone} costs {place.UsdPerHour:0.00##} USD an hour, {cheapest.Zone} "
                + $"{cheapest.UsdPerHour:0.00##}: dearer places are asked from {until:yyyy-MM-dd HH:mm:ss}Z on."),
            "Nothing: the deadline leaves time. Set an earlier one to have a node sooner.");
    }

    /// <summary>Returns whether a plan has places that are asked later.</summary>
    internal static bool LeavesOut(IEnumerable<Candidate> places) => places
        .Where(place => place.Provisioning == ProvisioningMode.Spot).GroupBy(place => place.AcceleratorType)
        .Any(type => type.Max(place => place.UsdPerHour) > type.Min(place => place.UsdPerHour) * Dear);

    /// <summary>Returns the beginning of the search for nodes and its end, by the time for a search or by the longest
    /// time of the run, the first of them.</summary>
    private static (DateTimeOffset Begun, DateTimeOffset End) SearchOf(
        RunSpec spec, WorkOutlook outlook, IReadOnlyList<LedgerEntry> facts)
    {
        var begun = facts.LastOrDefault(
            fact => fact.Kind is LedgerKinds.Stage or LedgerKinds.Loss or LedgerKinds.Unsuspended)?.At ?? facts[0].At;
        var end = begun.AddSeconds(spec.Tpu.AcquireTimeoutSeconds);
        var byHours = spec.MaxHours is { } hours
            ? facts[0].At.AddHours(hours).AddSeconds(-outlook.Work - outlook.Restart) : end;
        return (begun, byHours < end ? byHours : end);
    }

    /// <summary>Returns the cheapest place of the same type that may have capacity soon.</summary>
    private Candidate? CheapestOf(
        RunSpec spec, IEnumerable<Candidate> places, Candidate place, IReadOnlyList<LedgerEntry> facts) => places
        .Where(each => each.AcceleratorType == place.AcceleratorType && each.Provisioning == ProvisioningMode.Spot)
        .OrderBy(each => each.UsdPerHour)
        .FirstOrDefault(each => memory.Find(spec.Project, each) is var known
            && (known is null || OfCapacity.Contains(known.Code)) && LacksOnlyCapacity(each, facts));

    /// <summary>Returns whether the run's last request there had a node, was refused for capacity, or was not made
    /// yet.</summary>
    private static bool LacksOnlyCapacity(Candidate place, IReadOnlyList<LedgerEntry> facts)
    {
        for (var at = facts.Count - 1; at >= 0; at--)
        {
            if (facts[at].Kind == LedgerKinds.Attempt
                && facts[at].Data.Deserialize<AttemptEnd>(RunLedger.Json) is { } attempt
                && attempt.Lease.Candidate == place && attempt.Outcome != AttemptOutcome.Skipped)
            {
                return attempt.Outcome == AttemptOutcome.Ready || OfCapacity.Contains(attempt.Refusal?.Code);
            }
        }

        return true;
    }

    private JobKind KindOf(RunId runId) => ledger.Read(runId).LastOrDefault(entry => entry.Kind == LedgerKinds.Stage)?
        .Data.Deserialize<StageInput>(RunLedger.Json)?.Stage == RunStageName.Evaluate
            ? JobKind.Translate : JobKind.Train;
}
