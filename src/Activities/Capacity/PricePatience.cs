using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Decides whether a run with a deadline asks for a dear spot node now. Waiting for a cheap one costs no money while
/// there is time to spare, so dear places are left out until most of that time is used (ADR 0022).
/// </summary>
/// <param name="ledger">The facts.</param>
/// <param name="memory">Refusals that hold.</param>
/// <param name="foresight">The work that is left.</param>
/// <param name="clock">Gives the time.</param>
public sealed class PricePatience(
    RunLedger ledger, CapacityMemory memory, WorkForesight foresight, TimeProvider clock)
{
    /// <summary>The code of a place that is left out for now.</summary>
    public const string Code = "DEARER_PLACE_LATER";

    /// <summary>Factor of the cheapest price above which a place is dear; chosen.</summary>
    internal const double Dear = 1.2;

    /// <summary>Share of the spare time that is kept for dear places; chosen by simulation:
    /// docs/capacity.md.</summary>
    internal const double Kept = 0.2;

    /// <summary>Least time that is kept for the losses of spot nodes, as a share of the work that is left; chosen by
    /// simulation.</summary>
    internal const double Reserve = 0.1;

    /// <summary>Seconds after which a refusal says nothing about the next hours.</summary>
    private const double Lasting = 3600;

    /// <summary>Returns the reason to leave a place out for now.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="place">The place.</param>
    /// <returns>null to ask.</returns>
    public Refusal? Find(RunSpec spec, Candidate place)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(place);
        if (place.Provisioning != ProvisioningMode.Spot || spec.Deadline is not { } deadline
            || spec.Tpu.Fallback != SpotFallback.OnDemand
            || ledger.Read<RunPlan>(spec.RunId, LedgerKinds.Plan) is not [.., var plan]
            || CheapestOf(spec, plan.Data.Candidates, place) is not { } cheapest
            || place.UsdPerHour <= cheapest.UsdPerHour * Dear
            || foresight.Of(KindOf(spec.RunId), spec) is not { } outlook)
        {
            return null;
        }

        // The search ends with the spare time; a part of what there was in the beginning is kept for dear places.
        var spare = (deadline - plan.At).TotalSeconds - plan.Data.EstimatedSeconds;
        var kept = Math.Max(spare * Kept, outlook.Work * Reserve);
        var until = outlook.SearchSpotUntil(deadline, spec.Pace).AddSeconds(-kept);
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

    /// <summary>Returns the cheapest place of the same type that is not refused for a lasting reason.</summary>
    private Candidate? CheapestOf(RunSpec spec, IEnumerable<Candidate> places, Candidate place) => places
        .Where(each => each.AcceleratorType == place.AcceleratorType && each.Provisioning == ProvisioningMode.Spot)
        .Where(each => !(memory.Find(spec.Project, each)?.Until > clock.GetUtcNow().AddSeconds(Lasting)))
        .MinBy(each => each.UsdPerHour);

    private JobKind KindOf(RunId runId) => ledger.Read(runId).LastOrDefault(entry => entry.Kind == LedgerKinds.Stage)?
        .Data.Deserialize<StageInput>(RunLedger.Json)?.Stage == RunStageName.Evaluate
            ? JobKind.Translate : JobKind.Train;
}
