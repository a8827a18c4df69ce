using System.Text.Json;
using Workflows.Activities.Capacity;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Handover;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Moves;

/// <summary>
/// Decides whether a working run should go over to a cheaper spot node (ADR 0027): it must pay for its restart, keep
/// the deadline safe, and stay within the budget.
/// </summary>
/// <param name="ledger">The facts.</param>
/// <param name="memory">Refusals that hold, and lives of nodes.</param>
/// <param name="foresight">The work that is left.</param>
/// <param name="clock">Gives the time.</param>
public sealed class MoveAdvice(RunLedger ledger, CapacityMemory memory, WorkForesight foresight, TimeProvider clock)
{
    /// <summary>Factor by which a place must be cheaper; as that above which a place is dear.</summary>
    internal const double Cheaper = PricePatience.Dear;

    /// <summary>Expected savings over the cost of a move; chosen, since both are estimates.</summary>
    internal const double Worth = 2;

    /// <summary>Least seconds for which a node has the job before the run moves again; chosen.</summary>
    internal const double LeastStay = 600;

    /// <summary>Seconds for which a place is not asked after it gave this run no node, or lost it one; as long as a
    /// lack of capacity is remembered.</summary>
    internal const double AskAgain = 600;

    /// <summary>Part of the losses that are expected on a cheaper spot node that the time before the deadline must pay
    /// for; chosen with seed 1 of docs/capacity.md.</summary>
    internal const double PaidLosses = 0.5;

    /// <summary>Polls for which two nodes cost: until the worker of the new one has connected, and while the old one
    /// saves its work; chosen.</summary>
    private const double DoublePolls = 2;

    /// <summary>Returns the place to which the run should go over now.</summary>
    /// <param name="input">The look at the job.</param>
    /// <param name="job">The state of the job, which goes on.</param>
    /// <param name="accruedUsd">Cost of the run so far.</param>
    /// <returns>null to stay.</returns>
    public MoveProposal? Find(ObserveJobInput input, JobStanding job, double accruedUsd)
    {
        ArgumentNullException.ThrowIfNull(input);
        var (spec, now) = (input.Spec, clock.GetUtcNow());

        // A translation begins anew on another node.
        if (input.Kind != JobKind.Train || spec.Tpu.Move != MoveChoice.Cheaper)
        {
            return null;
        }

        var facts = ledger.Read(spec.RunId);
        var here = input.Lease.Candidate;
        return facts.LastOrDefault(fact => fact.Kind == LedgerKinds.Job) is { } dispatched
            && (now - dispatched.At).TotalSeconds >= LeastStay
            && facts.LastOrDefault(fact => fact.Kind == LedgerKinds.Plan) is { } planned
            && planned.Data.Deserialize<RunPlan>(RunLedger.Json) is { } plan
            && CheaperThan(here, plan) is { Count: > 0 } places
            && foresight.Of(input.Kind, spec, job) is { } outlook && IsSafe(spec, outlook, now)
            ? places.Where(place => MayAsk(spec, place, facts, now))
                .Where(place => here.Provisioning != ProvisioningMode.Spot || PaysForLosses(spec, place, outlook, now))
                .Select(place => Propose(spec, input.Lease, place, outlook, plan, now))
                .Where(move => move.SavingUsd >= Worth * move.CostUsd && IsWithinBudget(spec, move, accruedUsd))
                .MaxBy(move => move.SavingUsd - move.CostUsd)
            : null;
    }

    /// <summary>Returns whether the budget has room for the move, and for giving both nodes back: a request that the
    /// budget refuses would be made again and again.</summary>
    private bool IsWithinBudget(RunSpec spec, MoveProposal move, double accruedUsd) =>
        accruedUsd + move.CostUsd < spec.BudgetUsd
        && accruedUsd + RunCosts.ToStop(ledger, spec.Group?.Id ?? spec.RunId, spec.Pace)
            + RunCosts.ToStop(move.To.UsdPerHour, spec.Pace) < spec.BudgetUsd;

    private static List<Candidate> CheaperThan(Candidate here, RunPlan plan) =>
    [
        .. plan.Candidates.Where(place => place.AcceleratorType == here.AcceleratorType
            && place.Provisioning == ProvisioningMode.Spot && place.UsdPerHour * Cheaper <= here.UsdPerHour),
    ];

    /// <summary>Returns whether the new node may be lost at the worst moment and the deadline still be kept on
    /// demand.</summary>
    private static bool IsSafe(RunSpec spec, WorkOutlook outlook, DateTimeOffset now) =>
        spec.Deadline is not { } deadline
        || now.AddSeconds(DoublePolls * spec.Pace.PollSeconds) < outlook.SearchSpotUntil(deadline, spec.Pace);

    /// <summary>Returns whether the spare time pays for losses on another spot node. A spot node that works is a sure
    /// thing, and a cheaper one that is lost when no time is left is followed by an on-demand one.</summary>
    private bool PaysForLosses(RunSpec spec, Candidate there, WorkOutlook outlook, DateTimeOffset now) =>
        spec.Deadline is not { } deadline
        || (outlook.SearchSpotUntil(deadline, spec.Pace) - now).TotalSeconds - outlook.Start
            >= PaidLosses * outlook.Work / memory.LifeOf(spec.Project, there).Seconds
                * (outlook.Start + (outlook.Loss / 2) + outlook.OnDemandWait);

    private MoveProposal Propose(
        RunSpec spec, TpuLease lease, Candidate there, WorkOutlook outlook, RunPlan plan, DateTimeOffset now)
    {
        var here = lease.Candidate;
        var both = DoublePolls * spec.Pace.PollSeconds;
        var isSpot = here.Provisioning == ProvisioningMode.Spot;
        var onDemand = plan.OnDemand is { Count: > 0 } places ? places.Min(place => place.UsdPerHour) : (double?)null;
        double? spare = spec.Deadline is { } deadline && onDemand is not null
            ? (outlook.SearchSpotUntil(deadline, spec.Pace) - now).TotalSeconds : null;
        return new MoveProposal(
            there, isSpot ? MoveReason.CheaperSpot : MoveReason.BackToSpot,
            (isSpot ? Rest(here, memory.LifeOf(spec.Project, here, AliveOf(spec, lease, now)), spare)
                : here.UsdPerHour * outlook.Work / 3600)
                - Rest(there, memory.LifeOf(spec.Project, there), spare - outlook.Start),
            ((there.UsdPerHour * (both + outlook.Start)) + (here.UsdPerHour * both)) / 3600)
        {
            ReleasesBeside = true,
        };

        double Rest(Candidate place, SpotLife life, double? left) =>
            SpotRisk.UsdOf(place.UsdPerHour, life.Seconds, outlook, left, onDemand);
    }

    private double AliveOf(RunSpec spec, TpuLease lease, DateTimeOffset now) =>
        Handovers.ReadyAtOf(ledger, spec.RunId, lease.NodeName) is { } readyAt ? (now - readyAt).TotalSeconds : 0;

    /// <summary>Returns whether a place has not refused lately, and has not disappointed this run.</summary>
    private bool MayAsk(RunSpec spec, Candidate place, IReadOnlyList<LedgerEntry> facts, DateTimeOffset now)
    {
        if (memory.Find(spec.Project, place) is not null)
        {
            return false;
        }

        for (var at = facts.Count - 1; at >= 0 && (now - facts[at].At).TotalSeconds < AskAgain; at--)
        {
            var isInVain = facts[at].Kind switch
            {
                LedgerKinds.Attempt => facts[at].Data.Deserialize<AttemptEnd>(RunLedger.Json) is { } end
                    && end.Lease.Candidate == place && end.Outcome != AttemptOutcome.Ready,
                LedgerKinds.Loss =>
                    facts[at].Data.Deserialize<OpenRecovery>(RunLedger.Json)?.Zone == place.Zone,
                _ => false,
            };
            if (isInVain)
            {
                return false;
            }
        }

        return true;
    }
}
