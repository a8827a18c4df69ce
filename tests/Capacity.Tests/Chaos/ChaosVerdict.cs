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

        var catalog = PriceCatalog.Load(null);
        var bill = cloud.Billed();
        double least = 0, most = 0;
        foreach (var time in bill)
        {
            var name = new NodeName(time.NodeName);
            var usd = catalog.At(
                time.AcceleratorType, $"{name}".Split('/')[3],
                time.IsSpot ? ProvisioningMode.Spot : ProvisioningMode.OnDemand, null).UsdPerHour;
            var seen = answers.GetValueOrDefault(time.NodeName) ?? [];
            var (low, high) = Bounds(time, seen);
            least += usd * low / 3600;
            most += usd * high / 3600;
        }

        // Equal to the bill but for what nobody can see: the time until the next look.
        var cost = RunCosts.Of(service.Ledger, run.RunId, clock.GetUtcNow());
        Assert.True(
            cost.ActualUsd >= least - 1e-6 && cost.ActualUsd <= most + 1e-6,
            $"The ledger has {cost.ActualUsd} USD, and the bill allows {least} to {most}:\n"
            + string.Join('\n', bill) + "\n" + string.Join('\n', entries.Where(IsOfCost)
                .Select(entry => $"{entry.At:O} {entry.Kind} {entry.Key}")));
    }

    private static bool IsOfCost(LedgerEntry entry) => entry.Kind is LedgerKinds.Ready or LedgerKinds.Stopped
        or LedgerKinds.Released or LedgerKinds.Deletion or LedgerKinds.End;

    /// <summary>Returns the fewest and the most seconds that the product may count for a node, by the times at which it
    /// got an answer about it.</summary>
    private static (double Least, double Most) Bounds(BilledTime time, List<DateTimeOffset> seen)
    {
        var firstSeen = seen.Where(at => at >= time.From).Append(DateTimeOffset.MaxValue).Min();
        var goneSeen = seen.Where(at => at >= time.To).Append(DateTimeOffset.MaxValue).Min();
        return firstSeen >= time.To
            ? (0, (goneSeen - time.From).TotalSeconds)
            : ((time.To - firstSeen).TotalSeconds, (goneSeen - firstSeen).TotalSeconds);
    }
}
