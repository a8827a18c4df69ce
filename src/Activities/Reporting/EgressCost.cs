using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Training;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>
/// The egress of a run in US dollars: the bytes that its workers reported, at the prices of its plan (ADR 0037). It is
/// computed and no bill of the cloud, and neither in the cost of the nodes nor in the budget.
/// </summary>
/// <param name="Usd">The sum.</param>
/// <param name="ByStage">The sum by stage; the copy of the model to the run's bucket is in <c>prepare</c>.</param>
/// <param name="BytesRead">Bytes that nodes read from the run's bucket.</param>
/// <param name="BytesWritten">Bytes that nodes wrote to it.</param>
public sealed record EgressCost(
    double Usd, IReadOnlyDictionary<RunStageName, double> ByStage, long BytesRead, long BytesWritten)
{
    /// <summary>Gets the bytes of regions for which the plan has no price, such as those of a rehearsal.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long UnpricedBytes { get; init; }

    /// <summary>Gets the source of the sum: it is computed.</summary>
    public string Source { get; init; } = "computed";

    /// <summary>Gets the source in words.</summary>
    public string Basis => string.Create(
        CultureInfo.InvariantCulture,
        $"Computed, not billed: {(BytesRead + BytesWritten) / 1e9:0.000} GB that the workers reported, at the price "
        + $"catalog's egress between the run's bucket and each node's region when the run was planned.");

    private static EgressCost Nothing { get; } = new(0, new Dictionary<RunStageName, double>(), 0, 0);

    /// <summary>Adds up a run; of a group, all of its variants.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <returns>null if no bytes are known.</returns>
    public static EgressCost? Of(RunLedger ledger, RunId runId)
    {
        List<EgressCost> all = [.. VariantLedgers.WithMembers(ledger, runId).Select(each => OfOne(ledger, each))];
        var sum = all.Count == 1 ? all[0] : new EgressCost(
            all.Sum(each => each.Usd),
            all.SelectMany(each => each.ByStage).GroupBy(each => each.Key)
                .ToDictionary(each => each.Key, each => each.Sum(part => part.Value)),
            all.Sum(each => each.BytesRead), all.Sum(each => each.BytesWritten))
        {
            UnpricedBytes = all.Sum(each => each.UnpricedBytes),
        };
        return sum is { Usd: 0, BytesRead: 0, BytesWritten: 0 } ? null : sum;
    }

    private static EgressCost OfOne(RunLedger ledger, RunId runId)
    {
        List<RunPlan> plans = [.. ledger.Read<RunPlan>(runId, LedgerKinds.Plan).Select(fact => fact.Data)];
        var prices = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (region, price) in plans.SelectMany(plan =>
            plan.Egress?.UsdPerGib ?? new Dictionary<string, double>()))
        {
            prices[region] = price;
        }

        var sum = Nothing;
        if (plans is [.., { Transfer.CopyUsd: > 0 and var copy }]
            && ledger.Read<ModelBroughtFact>(runId, LedgerKinds.ModelBrought).Any(fact => !fact.Data.WasThere))
        {
            sum = sum.Plus(RunStageName.Prepare, copy);
        }

        var regions = ledger.Read<DispatchInput>(runId, LedgerKinds.Job)
            .DistinctBy(fact => fact.Data.Lease.NodeName)
            .ToDictionary(fact => fact.Data.Lease.NodeName.NodeId, fact => fact.Data.Lease.Candidate.Region);
        foreach (var (job, moved) in MovedBy(ledger, runId))
        {
            var isPriced = regions.TryGetValue(job.Split('@')[^1], out var region)
                & prices.TryGetValue(region ?? "", out var price);
            sum = sum.Plus(
                job.StartsWith("train", StringComparison.Ordinal) ? RunStageName.Train : RunStageName.Evaluate,
                price * moved.Bytes / (1L << 30)) with
            {
                BytesRead = sum.BytesRead + moved.BytesRead,
                BytesWritten = sum.BytesWritten + moved.BytesWritten,
                UnpricedBytes = sum.UnpricedBytes + (isPriced ? 0 : moved.Bytes),
            };
        }

        return sum;
    }

    /// <summary>Returns the bytes of each job: those of its end, or of its last report before its node was given back
    /// or lost.</summary>
    private static Dictionary<string, MovedFact> MovedBy(RunLedger ledger, RunId runId)
    {
        var moved = new Dictionary<string, MovedFact>(StringComparer.Ordinal);
        foreach (var entry in ledger.Read(runId))
        {
            if (entry.Kind == LedgerKinds.Transferred)
            {
                moved.TryAdd(entry.Key, entry.Data.Deserialize<MovedFact>(RunLedger.Json)!);
            }
            else if (entry.Kind == LedgerKinds.JobEnded
                && entry.Data.Deserialize<EndFact>(RunLedger.Json)?.Moved is { } all)
            {
                moved[entry.Key] = all;
            }
        }

        return moved;
    }

    private EgressCost Plus(RunStageName stage, double usd) => usd == 0 ? this : this with
    {
        Usd = Usd + usd,
        ByStage = new Dictionary<RunStageName, double>(ByStage)
        {
            [stage] = ByStage.GetValueOrDefault(stage) + usd,
        },
    };
}
