using System.Text.Json;
using Google.Cloud.Tpu.V2;
using Workflows.Activities.Capacity;
using Workflows.Activities.Handover;
using Workflows.Activities.Reporting;
using Workflows.Capacity.Bench.Product;
using Workflows.GoogleCloud.TpuEmulator.Cloud;
using Workflows.Orchestrations;

namespace Workflows.Capacity.Tests.Chaos;

/// <summary>A look of the product at a node or a queued resource, to which it got an answer.</summary>
/// <param name="At">Its time.</param>
/// <param name="State">The state in the answer; null for NOT_FOUND.</param>
internal readonly record struct Look(DateTimeOffset At, string? State)
{
    /// <summary>Gets a value indicating whether a node may still cost, or may do so again.</summary>
    public bool MayCost => State is nameof(Node.Types.State.Ready) or nameof(Node.Types.State.Repairing)
        or nameof(Node.Types.State.Deleting);
}

/// <summary>Checks the end of a run under faults: a verdict or a typed refusal, nothing alive, and the cloud's own
/// bill.</summary>
internal static class ChaosVerdict
{
    // Times are kept in ticks, and differences of them added up as seconds.
    private const double Tolerance = 1e-3;

    private const int MostPolls = 10, MostPauseSeconds = 300;

    public static async Task CheckAsync(
        ChaosRun run, RunOutcome outcome, ChaosService service, EmulatedCloud cloud, VirtualClock clock,
        IReadOnlyDictionary<string, List<Look>> answers, bool isCancelAsked)
    {
        await service.SettleAsync();
        var entries = run.Members.Prepend(run.RunId).Distinct().SelectMany(service.Ledger.Read).ToList();
        Assert.Empty(cloud.Occupied());
        Assert.True(File.Exists(outcome.ReportUri), "The run has no report.");
        switch (outcome.Status)
        {
            case RunStatus.Succeeded:
                Assert.All(run.Members, id => Assert.Contains(
                    service.Ledger.Read(id), entry => entry.Kind == LedgerKinds.Scores));
                break;
            case RunStatus.Cancelled:
                Assert.True(isCancelAsked, "The run was cancelled, and nobody asked for it.");
                break;
            default:
                Assert.NotNull(outcome.Failure);
                Assert.True(
                    !$"{outcome.Failure}".Contains("INTERNAL", StringComparison.Ordinal),
                    $"The run ended without a typed reason: {outcome.Failure.Message}");
                Assert.NotEmpty(outcome.Failure.Fix);
                break;
        }

        var counted = run.Members.SelectMany(id => SecondsByNode(id, service.Ledger))
            .GroupBy(each => each.Key, StringComparer.Ordinal).ToDictionary(
                each => each.Key,
                each => (Seconds: each.Sum(part => part.Value.Seconds), each.First().Value.UsdPerHour),
                StringComparer.Ordinal);
        CheckLooks(run, service.Ledger, cloud.Billed(), answers);
        CheckBill(counted.ToDictionary(), cloud.Billed(), answers, entries);
        var cost = RunCosts.Of(service.Ledger, run.RunId, clock.GetUtcNow());
        Assert.True(
            outcome.Failure?.Code != "BUDGET_EXHAUSTED" || cost.ActualUsd + MostToStop(run) >= run.Spec.BudgetUsd,
            $"The run stopped at {cost.ActualUsd} USD of {run.Spec.BudgetUsd} USD.");
        Assert.Equal(
            counted.Values.Sum(each => each.Seconds * each.UsdPerHour / 3600), cost.ActualUsd, tolerance: 1e-9);
        CheckLimits(run, outcome, service.Ledger, cost.ActualUsd);
        Assert.Equal(
            cost.ActualUsd,
            RunCosts.ByDay(service.Ledger, run.RunId, clock.GetUtcNow()).Values.Sum(),
            tolerance: 1e-9);
    }

    private static string Story(ChaosRun run, RunLedger ledger) => string.Join(
        '\n', run.Members.SelectMany(ledger.Read).Select(entry => $"{entry.At:O} {entry.Kind} {entry.Key}"));

    /// <summary>Returns the most that can be kept for the end: every member gives a dear node back, and asks for
    /// another.</summary>
    private static double MostToStop(ChaosRun run)
    {
        var catalog = PriceCatalog.Load(null);
        var dearest = run.Spec.Tpu.Zones.SelectMany(zone => run.Spec.Tpu.AcceleratorTypes.Select(
            type => catalog.At(type, zone, ProvisioningMode.OnDemand, null).UsdPerHour)).Max();
        return 2 * run.Members.Count * dearest * RunCosts.PollsToStop * run.Spec.Pace.PollSeconds / 3600;
    }

    /// <summary>Checks the limits of a run whose service and API never failed: its cost is within its budget, no node
    /// costs after its time, and a deadline with time for a loss is kept.</summary>
    private static void CheckLimits(ChaosRun run, RunOutcome outcome, RunLedger ledger, double usd)
    {
        if (!run.IsCalm)
        {
            return;
        }

        Assert.True(
            usd <= run.Spec.BudgetUsd,
            $"The run cost {usd} USD of its budget of {run.Spec.BudgetUsd} USD:\n{Story(run, ledger)}");
        var stopAt = new[]
        {
            run.Spec.MaxHours is { } hours ? ChaosRun.Start.AddHours(hours) : DateTimeOffset.MaxValue,
            run.Spec is { StopsAtDeadline: true, Deadline: { } deadline } ? deadline : DateTimeOffset.MaxValue,
        }.Min();
        foreach (var stop in run.Members.SelectMany(id => ledger.Read<NodeMoment>(id, LedgerKinds.Stopped)
            .Concat(ledger.Read<NodeMoment>(id, LedgerKinds.Released)))
            .GroupBy(fact => fact.Data.NodeName).Select(node => node.MinBy(fact => fact.At)))
        {
            Assert.True(
                stopAt == DateTimeOffset.MaxValue
                    || (stop.At - stopAt).TotalSeconds <= RunCosts.PollsToStop * run.Spec.Pace.PollSeconds,
                $"{stop.Data.NodeName} cost until {stop.At:O}, and the time of the run was over at {stopAt:O}.");
        }

        if (run.IsPromise && run.IsFeasible)
        {
            Assert.True(
                outcome.Status == RunStatus.Succeeded
                && ledger.Read(run.RunId).All(entry => entry.Kind != LedgerKinds.DeadlineMissed),
                $"The deadline {run.Spec.Deadline:O} was not kept: {outcome.Failure?.Message}\n{Story(run, ledger)}");
        }
    }

    /// <summary>Checks that no node costs for long without a look before the teardown, whose tries have pauses of their
    /// own: one that nobody looks at costs until the end of the run. The times in which nobody could look do not
    /// count.</summary>
    private static void CheckLooks(
        ChaosRun run, RunLedger ledger, IReadOnlyList<BilledTime> bill,
        IReadOnlyDictionary<string, List<Look>> answers)
    {
        // The longest pause of a search is as long as that of a teardown, and that between two tries of a deletion.
        var most = Math.Max(MostPauseSeconds, 10 * run.Spec.Pace.RoundPauseSeconds)
            + MostPolls * run.Spec.Pace.PollSeconds;
        var teardownAt = run.Members.Append(run.RunId).SelectMany(id => ledger.Read<StageInput>(id, LedgerKinds.Stage))
            .Where(stage => stage.Data.Stage == RunStageName.Teardown).Select(stage => stage.At)
            .DefaultIfEmpty(DateTimeOffset.MaxValue).Max();
        foreach (var time in bill.Where(time => time.From < teardownAt))
        {
            var end = time.To < teardownAt ? time.To : teardownAt;
            var queue = time.NodeName.Replace("/nodes/", "/queuedResources/", StringComparison.Ordinal);
            var looks = new[] { time.NodeName, queue }
                .SelectMany(name => Of(answers.GetValueOrDefault(name) ?? []))
                .Where(at => at > time.From && at < end).Order().Append(end);
            var from = time.From;
            foreach (var at in looks)
            {
                var silent = run.Silences.Sum(each => Math.Max(
                    0, ((each.To < at ? each.To : at) - (each.From > from ? each.From : from)).TotalSeconds));
                Assert.True(
                    (at - from).TotalSeconds - silent <= most,
                    $"Nobody looked at {time.NodeName} from {from:O} to {at:O}, {silent} s of it in outages; at most "
                    + $"{most} s may pass:\n{Story(run, ledger)}");
                from = at;
            }
        }
    }

    /// <summary>Compares each node with the cloud's bill: equal but for what nobody can see, the time until the next
    /// look. Sums would let the slack of one node hide the loss of another.</summary>
    private static void CheckBill(
        Dictionary<string, (double Seconds, double UsdPerHour)> counted, IReadOnlyList<BilledTime> bill,
        IReadOnlyDictionary<string, List<Look>> answers, IReadOnlyList<LedgerEntry> entries)
    {
        var catalog = PriceCatalog.Load(null);
        foreach (var node in bill.GroupBy(time => time.NodeName, StringComparer.Ordinal))
        {
            var seen = answers.GetValueOrDefault(node.Key) ?? [];

            // A queued resource has the id of its node, and is looked at in its place until it is gone.
            var queue = answers.GetValueOrDefault(
                node.Key.Replace("/nodes/", "/queuedResources/", StringComparison.Ordinal)) ?? [];
            var times = node.OrderBy(time => time.From).ToList();
            var least = times.Sum(time => Least(time, seen));
            var most = Most(times, seen, queue, DeletionsUnderRepair(node.Key, entries));
            var seconds = counted.Remove(node.Key, out var known) ? known.Seconds : 0;
            Assert.True(
                seconds >= least - Tolerance && seconds <= most + Tolerance,
                $"The ledger has {seconds} s of {node.Key}, and the bill allows {least} to {most}:\n"
                + string.Join('\n', bill) + "\n" + string.Join(
                    '\n', entries.Where(IsOfCost).Select(entry => $"{entry.At:O} {entry.Kind} {entry.Key}")));
            var first = node.First();
            var usd = catalog.At(
                first.AcceleratorType, node.Key.Split('/')[3],
                first.IsSpot ? ProvisioningMode.Spot : ProvisioningMode.OnDemand, null).UsdPerHour;
            Assert.True(seconds == 0 || usd == known.UsdPerHour, $"{node.Key} has the price of another place.");
        }

        Assert.True(counted.Count == 0, $"The cloud never billed {string.Join(", ", counted.Keys)}.");
    }

    private static Dictionary<string, (double Seconds, double UsdPerHour)> SecondsByNode(RunId runId, RunLedger ledger)
    {
        var stops = ledger.Read<NodeMoment>(runId, LedgerKinds.Stopped)
            .Concat(ledger.Read<NodeMoment>(runId, LedgerKinds.Released))
            .Select(fact => (fact.Data.NodeName, fact.At))
            .Concat(Handovers.HandedOn(ledger, runId).Select(fact => (fact.Data.NodeName, fact.At)))
            .GroupBy(fact => fact.NodeName)
            .ToDictionary(group => group.Key, group => group.Min(fact => fact.At));
        var received = Handovers.Received(ledger, runId).ToDictionary(fact => fact.Lease.NodeName, fact => fact.At);
        var prices = ledger.Read<TpuLease>(runId, LedgerKinds.Intent)
            .GroupBy(fact => fact.Data.NodeName)
            .ToDictionary(group => group.Key, group => group.First().Data.Candidate.UsdPerHour);
        return ledger.Read<NodeMoment>(runId, LedgerKinds.Ready).ToDictionary(
            fact => $"{fact.Data.NodeName}",
            fact => (
                stops.TryGetValue(fact.Data.NodeName, out var stop)
                    ? Math.Max(0, (stop - received.GetValueOrDefault(fact.Data.NodeName, fact.At)).TotalSeconds)
                    : throw new InvalidOperationException($"{fact.Data.NodeName} was never seen to stop."),
                prices[fact.Data.NodeName]),
            StringComparer.Ordinal);
    }

    private static bool IsOfCost(LedgerEntry entry) => entry.Kind is LedgerKinds.Ready or LedgerKinds.Stopped
        or LedgerKinds.Released or LedgerKinds.Deletion or LedgerKinds.End;

    /// <summary>Returns the fewest seconds that the product may count for a time of a node, by the looks to which it
    /// got an answer.</summary>
    private static double Least(BilledTime time, List<Look> seen)
    {
        var firstSeen = Of(seen).Where(at => at >= time.From).Append(DateTimeOffset.MaxValue).Min();
        return Math.Max(0, (time.To - firstSeen).TotalSeconds);
    }

    /// <summary>Returns the most seconds that the product may count for a node: from the first look after it was READY
    /// to the first one that proves its end. A repair in between counts, since the node is not gone.</summary>
    private static double Most(
        List<BilledTime> times, List<Look> seen, List<Look> queue, IEnumerable<DateTimeOffset> deletions)
    {
        var queueGone = queue.Where(look => look.State is null).Select(look => look.At)
            .Append(queue.Count > 0 ? DateTimeOffset.MaxValue : DateTimeOffset.MinValue).Min();

        // A queue that was never seen gone ends with the last look at all.
        var goneSeen = queueGone == DateTimeOffset.MaxValue
            ? Of(seen.Concat(queue)).Max()
            : Of(seen.Where(look => !look.MayCost)).Concat(deletions)
                .Where(at => at >= times[^1].To && at >= queueGone).Append(DateTimeOffset.MaxValue).Min();
        Assert.True(
            goneSeen < DateTimeOffset.MaxValue,
            $"Nobody looked whether {times[^1]} was gone: {string.Join(", ", seen)}");
        return (goneSeen - Of(seen.Concat(queue)).Where(at => at >= times[0].From).Min()).TotalSeconds;
    }

    /// <summary>Returns the times at which the deletion of a node under repair was accepted.</summary>
    private static IEnumerable<DateTimeOffset> DeletionsUnderRepair(string name, IReadOnlyList<LedgerEntry> entries) =>
        entries.Where(entry => entry.Kind == LedgerKinds.Deletion
                && entry.Data.Deserialize<NodeDeletion>(RunLedger.Json) is { } deletion
                && $"{deletion.NodeName}" == name && deletion.State == nameof(Node.Types.State.Repairing))
            .Select(entry => entry.At);

    private static IEnumerable<DateTimeOffset> Of(IEnumerable<Look> looks) => looks.Select(look => look.At);
}
