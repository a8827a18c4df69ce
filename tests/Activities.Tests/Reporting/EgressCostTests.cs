using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Reporting;

/// <summary>Egress is computed from the bytes of the workers and the prices of the plan, and is in no other
/// sum.</summary>
public sealed class EgressCostTests : RunFolder
{
    private const long Gib = 1L << 30;

    private readonly RunLedger _ledger;

    public EgressCostTests() => _ledger = new RunLedger(
        Folder, new FakeTimeProvider(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero)));

    [Fact]
    public void Egress_OfNodesInSeveralRegions_IsTheirBytesAtThePriceOfEachByStage()
    {
        Plan(("us-west4", 0.02), ("asia-east1", 0.08));
        Job(JobKind.Train, "us-west4-a", 1);
        Transferred("train@n1", 10 * Gib, 30 * Gib);
        Job(JobKind.Train, "asia-east1-c", 2);
        End("train@n2", 5 * Gib, 20 * Gib);
        Job(JobKind.Translate, "asia-east1-c", 2);
        End("translate@n2", Gib, 0);

        var egress = EgressCost.Of(_ledger, Id)!;

        Assert.Equal((16 * Gib, 50 * Gib, 0L), (egress.BytesRead, egress.BytesWritten, egress.UnpricedBytes));
        Assert.Equal((40 * 0.02) + (25 * 0.08) + 0.08, egress.Usd, 9);
        Assert.Equal((40 * 0.02) + (25 * 0.08), egress.ByStage[RunStageName.Train], 9);
        Assert.Equal(0.08, egress.ByStage[RunStageName.Evaluate], 9);
        Assert.Equal("computed", egress.Source);
        Assert.StartsWith("Computed, not billed: 70.8", egress.Basis, StringComparison.Ordinal);
        Assert.Equal(0, RunCosts.Of(_ledger, Id, DateTimeOffset.UnixEpoch).ActualUsd);
    }

    /// <summary>A node was given back while its job was still ending: the end has all of its bytes.</summary>
    [Fact]
    public void Egress_OfAJobThatEndedAfterItsNodeWasGivenBack_IsThatOfItsEnd()
    {
        Plan(("us-west4", 0.5));
        Job(JobKind.Train, "us-west4-a", 1);
        Transferred("train@n1", Gib, 0);
        End("train@n1", Gib, Gib);

        Assert.Equal(1, EgressCost.Of(_ledger, Id)!.Usd, 9);
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 1.5)]
    public void Egress_OfAModelThatWasCopied_HasItUnlessItWasThere(bool wasThere, double usd)
    {
        _ledger.Append(Id, LedgerKinds.Plan, "plan", new RunPlan([], 1, 1)
        {
            Transfer = new ModelTransfer("gs://a/m", Gib, 1.5, 0),
        });
        _ledger.Append(Id, LedgerKinds.ModelBrought, "model", new ModelBroughtFact("gs://b/m", Gib, 1, wasThere));

        Assert.Equal(usd, EgressCost.Of(_ledger, Id)?.Usd ?? 0);
        Assert.Equal(usd, EgressCost.Of(_ledger, Id)?.ByStage[RunStageName.Prepare] ?? 0);
    }

    /// <summary>A rehearsal's bucket costs nothing, and a plan of an earlier version had no prices.</summary>
    [Fact]
    public void Egress_WithoutPrices_ShowsTheBytesAndNoMoney()
    {
        _ledger.Append(Id, LedgerKinds.Plan, "plan", new RunPlan([], 1, 1));
        Job(JobKind.Train, "us-west4-a", 1);
        End("train@n1", 3, 4);

        var egress = EgressCost.Of(_ledger, Id)!;

        Assert.Equal((0, 7L, 3L), (egress.Usd, egress.UnpricedBytes, egress.BytesRead));
        Assert.Empty(egress.ByStage);
    }

    [Fact]
    public void Egress_OfARunWithoutTransfers_IsNone()
    {
        Plan(("us-west4", 0.02));
        Job(JobKind.Train, "us-west4-a", 1);
        _ledger.Append(Id, LedgerKinds.JobEnded, "train@n1", new EndFact(new JobEnd(true, null, null), null));

        Assert.Null(EgressCost.Of(_ledger, Id));
    }

    private void Plan(params (string Region, double Price)[] prices) => _ledger.Append(
        Id, LedgerKinds.Plan, "plan", new RunPlan([], 1, 1)
        {
            Egress = new EgressPlan(
                "us", prices.ToDictionary(each => each.Region, each => each.Price), new EgressEstimate(1, 2, 3, 4)),
        });

    private void Job(JobKind kind, string zone, int attempt)
    {
        var name = NodeName.Of("p", zone, $"n{attempt}");
        var lease = new TpuLease(
            name, new Candidate(zone, "v5litepod-8", ProvisioningMode.Spot, "v", 8, 3.6), attempt);
        var spec = new RunSpec
        {
            RunId = Id,
            Name = "n",
            Project = "p",
            Direction = RunDirection.KoToEn,
            Model = "m",
            Data = new DataSpec { Train = "t" },
            Tpu = new TpuSpec { AcceleratorTypes = ["v5litepod-8"] },
        };
        _ledger.Append(Id, LedgerKinds.Job, $"{kind}@{name.NodeId}", new DispatchInput(
            kind, spec, new PreparedData("t", "e", 1, 1, new Dictionary<string, int>()), lease, "run:train", null));
    }

    private void Transferred(string job, long read, long written) =>
        _ledger.Append(Id, LedgerKinds.Transferred, job, new MovedFact(read, written));

    private void End(string job, long read, long written) => _ledger.Append(
        Id, LedgerKinds.JobEnded, job, new EndFact(new JobEnd(true, null, null), null)
        {
            Moved = new MovedFact(read, written),
        });
}
