using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Capacity.Bench.Product;
using Workflows.GoogleCloud.TpuEmulator.Cloud;
using Workflows.Orchestrations;

namespace Workflows.Capacity.Tests.Chaos;

/// <summary>Checks the end of a run under faults: a verdict or a typed refusal, nothing alive, and the cloud's own
/// bill.</summary>
internal static class ChaosVerdict
{
    // Times are kept in ticks, and differences of them added up as seconds.
    private const double Tolerance = 1e-3;

    public static async Task CheckAsync(
        ChaosRun run, RunOutcome outcome, ChaosService service, EmulatedCloud cloud, VirtualClock clock,
        IReadOnlyDictionary<string, List<DateTimeOffset>> answers, bool isCancelAsked)
    {
        await service.SettleAsync();
        var entries = service.Ledger.Read(run.RunId);
        Assert.Empty(cloud.Occupied());
        Assert.True(File.Exists(outcome.ReportUri), "The run has no report.");
        switch (outcome.Status)
        {
            case RunStatus.Succeeded:
                Assert.Contains(entries, entry => entry.Kind == LedgerKinds.Scores);
                break;
            case RunStatus.Cancelled:
                Assert.True(isCancelAsked, "The run was cancelled, and nobody asked for it.");
                break;
            default:
                Assert.NotNull(outcome.Failure);
                Assert.True(
                    outcome.Failure.Code != "INTERNAL",
                    $"The run ended without a typed reason: {outcome.Failure.Message}");
                Assert.NotEmpty(outcome.Failure.Fix);
                break;
        }

        CheckBill(run.RunId, service.Ledger, cloud.Billed(), answers, entries);
        var cost = RunCosts.Of(service.Ledger, run.RunId, clock.GetUtcNow());
        Assert.True(
            outcome.Failure?.Code != "BUDGET_EXHAUSTED" || cost.ActualUsd > 0,
            "The run stopped for money that it did not spend.");
        Assert.Equal(
            cost.ActualUsd,
            RunCosts.ByDay(service.Ledger, run.RunId, clock.GetUtcNow()).Values.Sum(),
            tolerance: 1e-9);
    }

    /// <summary>Compares each node with the cloud's bill: equal but for what nobody can see, the time until the next
    /// look. Sums would let the slack of one node hide the loss of another.</summary>
    private static void CheckBill(
        RunId runId, RunLedger ledger, IReadOnlyList<BilledTime> bill,
        IReadOnlyDictionary<string, List<DateTimeOffset>> answers, IReadOnlyList<LedgerEntry> entries)
    {
        var catalog = PriceCatalog.Load(null);
        var counted = SecondsByNode(runId, ledger);
        foreach (var node in bill.GroupBy(time => time.NodeName, StringComparer.Ordinal))
        {
            var seen = answers.GetValueOrDefault(node.Key) ?? [];

            // A queued resource has the id of its node and is gone only after it: the last answer says so.
            var queue = answers.GetValueOrDefault(
                node.Key.Replace("/nodes/", "/queuedResources/", StringComparison.Ordinal)) ?? [];
            var bounds = node.Select(time => Bounds(time, seen, queue)).ToList();
            var seconds = counted.Remove(node.Key, out var known) ? known.Seconds : 0;
            Assert.True(
                seconds >= bounds.Sum(each => each.Least) - Tolerance
                    && seconds <= bounds.Sum(each => each.Most) + Tolerance,
                $"The ledger has {seconds} s of {node.Key}, and the bill allows {bounds.Sum(each => each.Least)} to "
                + $"{bounds.Sum(each => each.Most)}:\n" + string.Join('\n', bill) + "\n" + string.Join(
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
            .GroupBy(fact => fact.Data.NodeName)
            .ToDictionary(group => group.Key, group => group.Min(fact => fact.At));
        var prices = ledger.Read<TpuLease>(runId, LedgerKinds.Intent)
            .GroupBy(fact => fact.Data.NodeName)
            .ToDictionary(group => group.Key, group => group.First().Data.Candidate.UsdPerHour);
        return ledger.Read<NodeMoment>(runId, LedgerKinds.Ready).ToDictionary(
            fact => $"{fact.Data.NodeName}",
            fact => (
                stops.TryGetValue(fact.Data.NodeName, out var stop)
                    ? Math.Max(0, (stop - fact.At).TotalSeconds)
                    : throw new InvalidOperationException($"{fact.Data.NodeName} was never seen to stop."),
                prices[fact.Data.NodeName]),
            StringComparer.Ordinal);
    }

    private static bool IsOfCost(LedgerEntry entry) => entry.Kind is LedgerKinds.Ready or LedgerKinds.Stopped
        or LedgerKinds.Released or LedgerKinds.Deletion or LedgerKinds.End;

    /// <summary>Returns the fewest and the most seconds that the product may count for a node, by the times at which it
    /// got an answer about it.</summary>
    private static (double Least, double Most) Bounds(
        BilledTime time, List<DateTimeOffset> seen, List<DateTimeOffset> queue)
    {
        var firstSeen = seen.Where(at => at >= time.From).Append(DateTimeOffset.MaxValue).Min();
        var goneSeen = queue.Count > 0
            ? queue.Concat(seen).Max()
            : seen.Where(at => at >= time.To).Append(DateTimeOffset.MaxValue).Min();
        Assert.True(
            goneSeen < DateTimeOffset.MaxValue,
            $"Nobody looked whether {time} was gone: {string.Join(", ", seen)}");
        return firstSeen >= time.To
            ? (0, (goneSeen - time.From).TotalSeconds)
            : ((time.To - firstSeen).TotalSeconds, (goneSeen - firstSeen).TotalSeconds);
    }
}
