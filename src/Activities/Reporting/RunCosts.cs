using System.Text.Json;
using Workflows.Activities.Handover;
using Workflows.Activities.Training;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;
using static System.StringComparison;

namespace Workflows.Activities.Reporting;

/// <summary>Cost of a run, in US dollars.</summary>
/// <param name="ActualUsd">Cost until now, or until the last node stopped costing.</param>
/// <param name="ByStage">
/// The cost by stage, with compilation separate from the stages that include it; the values add up to the whole.
/// </param>
/// <param name="BilledSeconds">Seconds for which some node cost money.</param>
public sealed record RunCost(double ActualUsd, IReadOnlyDictionary<RunStageName, double> ByStage, double BilledSeconds);

/// <summary>
/// Computes what a run has cost from its ledger: each node from the moment it was seen READY until it was seen stopped,
/// preempted or gone, at its slice's price. Source of the rule: Cloud TPU bills while a node is READY.
/// </summary>
public static class RunCosts
{
    /// <summary>
    /// Polls from the last look within the budget to the proof that the nodes are gone; chosen: two until the stop, and
    /// at the default pace of 15 s two minutes for the deletion.
    /// </summary>
    public const int PollsToStop = 10;

    /// <summary>Adds up a run; of a group, all of its variants.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <param name="now">End time for nodes that still cost.</param>
    /// <returns>The sums.</returns>
    public static RunCost Of(RunLedger ledger, RunId runId, DateTimeOffset now)
    {
        var all = VariantLedgers.WithMembers(ledger, runId).Select(each => OfOne(ledger, each, now)).ToList();
        return all.Count == 1 ? all[0] : new RunCost(
            all.Sum(each => each.ActualUsd),
            all.SelectMany(each => each.ByStage).GroupBy(each => each.Key)
                .ToDictionary(each => each.Key, each => each.Sum(part => part.Value)),
            all.Sum(each => each.BilledSeconds));
    }

    private static RunCost OfOne(RunLedger ledger, RunId runId, DateTimeOffset now)
    {
        var entries = ledger.Read(runId);
        var stages = ledger.Read<StageInput>(runId, LedgerKinds.Stage)
            .Select(fact => (fact.At, fact.Data.Stage)).ToList();
        var byStage = new Dictionary<RunStageName, double>();
        double total = 0, seconds = 0;
        foreach (var (lease, readyAt, stoppedAt) in Billed(ledger, runId, now))
        {
            total += Usd(stoppedAt - readyAt, lease);
            seconds += Math.Max(0, (stoppedAt - readyAt).TotalSeconds);
            for (var index = 0; index < stages.Count; index++)
            {
                // The time of a handed node before the run's first stage belongs to that stage.
                var from = index == 0 ? readyAt : Later(stages[index].At, readyAt);
                var to = index + 1 < stages.Count ? Earlier(stages[index + 1].At, stoppedAt) : stoppedAt;
                if (to > from)
                {
                    var stage = stages[index].Stage;
                    byStage[stage] = byStage.GetValueOrDefault(stage) + Usd(to - from, lease);
                }
            }
        }

        foreach (var entry in entries.Where(entry => entry.Kind == LedgerKinds.JobEnded))
        {
            // The key of a job ends with the id of its node.
            var stage = stages.LastOrDefault(stage => stage.At <= entry.At).Stage;
            if (entry.Data.Deserialize<EndFact>(RunLedger.Json)?.Compile is { } compile
                && ledger.Read<TpuLease>(runId, LedgerKinds.Intent).Select(fact => fact.Data).FirstOrDefault(
                    each => entry.Key.EndsWith($"@{each.NodeName.NodeId}", Ordinal)) is { } lease
                && byStage.TryGetValue(stage, out var usd))
            {
                var part = Math.Min(usd, Usd(TimeSpan.FromSeconds(compile.Seconds), lease));
                byStage[stage] = usd - part;
                byStage[RunStageName.Compile] = byStage.GetValueOrDefault(RunStageName.Compile) + part;
            }
        }

        return new RunCost(total, byStage, seconds);
    }

    /// <summary>Adds up a run by days; of a group, all of its variants.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <param name="now">End time for nodes that still cost.</param>
    /// <returns>US dollars of each day (UTC) on which a node cost; they add up to the run's cost.</returns>
    public static IReadOnlyDictionary<DateOnly, double> ByDay(RunLedger ledger, RunId runId, DateTimeOffset now)
    {
        var days = new Dictionary<DateOnly, double>();
        foreach (var (lease, readyAt, stoppedAt) in VariantLedgers.WithMembers(ledger, runId)
            .SelectMany(each => Billed(ledger, each, now)))
        {
            for (var from = readyAt; from < stoppedAt;)
            {
                var to = Earlier(stoppedAt, new DateTimeOffset(from.UtcDateTime.Date.AddDays(1), TimeSpan.Zero));
                var day = DateOnly.FromDateTime(from.UtcDateTime);
                days[day] = days.GetValueOrDefault(day) + Usd(to - from, lease);
                from = to;
            }
        }

        return days;
    }

    /// <summary>Adds up each node of one run; of a group, not those of its variants.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <param name="now">End time for nodes that still cost.</param>
    /// <returns>US dollars of each node that has cost, while the run owned it; they add up to the run's cost.</returns>
    public static IReadOnlyDictionary<NodeName, double> ByNode(RunLedger ledger, RunId runId, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        return Billed(ledger, runId, now).GroupBy(each => each.Lease.NodeName).ToDictionary(
            group => group.Key, group => group.Sum(each => Usd(each.StoppedAt - each.ReadyAt, each.Lease)));
    }

    /// <summary>Lists the times for which nodes cost money: a node that still costs, until now or the run's
    /// end.</summary>
    private static IEnumerable<(TpuLease Lease, DateTimeOffset ReadyAt, DateTimeOffset StoppedAt)> Billed(
        RunLedger ledger, RunId runId, DateTimeOffset now)
    {
        var leases = ledger.Read<TpuLease>(runId, LedgerKinds.Intent)
            .GroupBy(fact => fact.Data.NodeName)
            .ToDictionary(group => group.Key, group => group.First().Data);
        var stops = ledger.Read<NodeMoment>(runId, LedgerKinds.Stopped)
            .Concat(ledger.Read<NodeMoment>(runId, LedgerKinds.Released))
            .Select(fact => (fact.Data.NodeName, fact.At))
            .Concat(Handovers.HandedOn(ledger, runId).Select(fact => (fact.Data.NodeName, fact.At)))
            .GroupBy(stop => stop.NodeName)
            .ToDictionary(group => group.Key, group => group.Min(stop => stop.At));
        var received = Handovers.Received(ledger, runId).ToDictionary(fact => fact.Lease.NodeName, fact => fact.At);
        if (RunParts.EndOf(ledger.Read(runId)) is { } end)
        {
            now = end.At;
        }

        return ledger.Read<NodeMoment>(runId, LedgerKinds.Ready)
            .Where(fact => leases.ContainsKey(fact.Data.NodeName))
            .Select(fact => (
                leases[fact.Data.NodeName], received.GetValueOrDefault(fact.Data.NodeName, fact.At),
                stops.GetValueOrDefault(fact.Data.NodeName, now)));
    }

    /// <summary>Adds up the prices of the nodes that cost now; of a group, those of all variants.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <returns>US dollars per hour; 0 if no node costs.</returns>
    public static double UsdPerHour(RunLedger ledger, RunId runId)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        return VariantLedgers.WithMembers(ledger, runId).Sum(each => UsdPerHourOfOne(ledger, each));
    }

    /// <summary>
    /// Computes the part of a budget that is kept for the end: the cost of all nodes until the next look, and until
    /// they are proved gone, counted as <see cref="PollsToStop"/> polls.
    /// </summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run, or the group.</param>
    /// <param name="pace">Its polls.</param>
    /// <returns>US dollars; 0 if no node costs.</returns>
    public static double ToStop(RunLedger ledger, RunId runId, PaceSpec pace)
    {
        ArgumentNullException.ThrowIfNull(pace);
        return ToStop(UsdPerHour(ledger, runId), pace);
    }

    /// <summary>Computes the same for nodes of a price.</summary>
    /// <param name="usdPerHour">US dollars per hour.</param>
    /// <param name="pace">The run's polls.</param>
    /// <returns>US dollars.</returns>
    public static double ToStop(double usdPerHour, PaceSpec pace)
    {
        ArgumentNullException.ThrowIfNull(pace);
        return usdPerHour * PollsToStop * pace.PollSeconds / 3600;
    }

    private static double UsdPerHourOfOne(RunLedger ledger, RunId runId)
    {
        if (RunParts.EndOf(ledger.Read(runId)) is not null)
        {
            return 0;
        }

        HashSet<NodeName> costing = [.. ledger.Read<NodeMoment>(runId, LedgerKinds.Ready).Select(Name)];
        costing.ExceptWith(ledger.Read<NodeMoment>(runId, LedgerKinds.Stopped).Select(Name));
        costing.ExceptWith(ledger.Read<NodeMoment>(runId, LedgerKinds.Released).Select(Name));
        return costing.Count == 0 ? 0 : ledger.Read<TpuLease>(runId, LedgerKinds.Intent)
            .Where(fact => costing.Contains(fact.Data.NodeName)).DistinctBy(fact => fact.Data.NodeName)
            .Sum(fact => fact.Data.Candidate.UsdPerHour);

        static NodeName Name((DateTimeOffset At, NodeMoment Data) fact) => fact.Data.NodeName;
    }

    /// <summary>Lists the nodes that were requested and are not proved gone; of a group, those of all
    /// variants.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <param name="now">The current time.</param>
    /// <returns>Each node with the seconds since its request, and its cost so far in US dollars.</returns>
    public static IReadOnlyList<(TpuLease Lease, double Seconds, double Usd)> Left(
        RunLedger ledger, RunId runId, DateTimeOffset now) =>
        [.. VariantLedgers.WithMembers(ledger, runId).SelectMany(each => LeftOfOne(ledger, each, now))];

    private static List<(TpuLease Lease, double Seconds, double Usd)> LeftOfOne(
        RunLedger ledger, RunId runId, DateTimeOffset now)
    {
        var gone = Names(LedgerKinds.Released);

        // Not by the decision alone: a handover that was interrupted after it has left no facts in the new owner's
        // ledger.
        gone.UnionWith(ledger.Read<NodeMoment>(runId, LedgerKinds.Stopped)
            .Where(fact => fact.Data.State == Handovers.State).Select(fact => fact.Data.NodeName));
        var refused = ledger.Read<AttemptEnd>(runId, LedgerKinds.Attempt)
            .Where(fact => fact.Data.Outcome == AttemptOutcome.Refused)
            .Select(fact => fact.Data.Lease.NodeName).ToHashSet();
        var ready = ledger.Read<NodeMoment>(runId, LedgerKinds.Ready)
            .GroupBy(fact => fact.Data.NodeName).ToDictionary(group => group.Key, group => group.Min(fact => fact.At));
        var stopped = ledger.Read<NodeMoment>(runId, LedgerKinds.Stopped)
            .GroupBy(fact => fact.Data.NodeName).ToDictionary(group => group.Key, group => group.Min(fact => fact.At));
        return [.. ledger.Read<TpuLease>(runId, LedgerKinds.Intent)
            .Where(fact => !gone.Contains(fact.Data.NodeName) && !refused.Contains(fact.Data.NodeName))
            .Select(fact => (
                fact.Data, (now - fact.At).TotalSeconds,
                ready.TryGetValue(fact.Data.NodeName, out var from)
                    ? Usd(stopped.GetValueOrDefault(fact.Data.NodeName, now) - from, fact.Data)
                    : 0))];

        HashSet<NodeName> Names(string kind) =>
            [.. ledger.Read<NodeMoment>(runId, kind).Select(fact => fact.Data.NodeName)];
    }

    private static double Usd(TimeSpan time, TpuLease lease) =>
        Math.Max(0, time.TotalHours) * lease.Candidate.UsdPerHour;

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;

    private static DateTimeOffset Earlier(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;
}
