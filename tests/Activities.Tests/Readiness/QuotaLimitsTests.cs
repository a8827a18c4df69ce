using Workflows.Activities.Readiness;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Readiness;

/// <summary>A limit counts for the types and modes of its name, in its place alone.</summary>
public sealed class QuotaLimitsTests
{
    [Theory]
    [InlineData("TPUV5sPreemptibleLitepodServingPerProjectPerZoneForTPUAPI", "v5litepod-8", "spot", 4, true)]
    [InlineData("TPUV5sPreemptibleLitepodServingPerProjectPerZoneForTPUAPI", "v5litepod-8", "flex-start", 0, true)]
    [InlineData("TPUV5sPreemptibleLitepodServingPerProjectPerZoneForTPUAPI", "v5litepod-4", "spot", 4, false)]
    [InlineData("TPUV5sPreemptibleLitepodServingPerProjectPerZoneForTPUAPI", "v5litepod-8", "on-demand", 0, false)]
    [InlineData("TPUV5sLitepodServingPerProjectPerZoneForTPUAPI", "v5litepod-8", "on-demand", 4, true)]
    [InlineData("TPUV5sLitepodServingPerProjectPerZoneForTPUAPI", "v5litepod-8", "spot", 0, false)]
    [InlineData("TPUV5sLitepodPerProjectPerZoneForTPUAPI", "v5litepod-8", "on-demand", 0, false)]
    [InlineData("TPUV5sLitepodPerProjectPerZoneForTPUAPI", "v5litepod-16", "on-demand", 0, true)]
    [InlineData("TPUV6EPreemptiblePerProjectPerZoneForTPUAPI", "v6e-1", "spot", 0, true)]
    [InlineData("TPUV6EPreemptiblePerProjectPerZoneForTPUAPI", "v6e-8", "spot", -1, false)]
    [InlineData("TPUV5PPerProjectPerZoneForTPUAPI", "v5litepod-8", "on-demand", 0, false)]
    [InlineData("TPUV5PPerProjectPerZoneForTPUAPI", "v5p-8", "on-demand", 4, true)]
    [InlineData("TPUV4sPreemptiblePodPerProjectPerZoneForTPUAPI", "v4-8", "spot", 0, true)]
    [InlineData("TPUV2sPodPerProjectPerZoneForTPUAPI", "v2-8", "on-demand", 0, false)]
    [InlineData("NodesPerMinute", "v6e-8", "spot", 0, false)]
    [InlineData("", "v6e-8", "spot", 0, false)]
    public void LackOf_AType_ComparesTheQuotaOfItsFamilyAndMode(
        string quota, string type, string mode, long limit, bool lacks)
    {
        var limits = new QuotaLimits([new ReadQuota(quota, "us-west4-a", limit)]);
        var provisioning = mode switch
        {
            "spot" => ProvisioningMode.Spot,
            "flex-start" => ProvisioningMode.FlexStart,
            _ => ProvisioningMode.OnDemand,
        };

        Assert.Equal(lacks, limits.LackOf(type, provisioning, "us-west4-a") is not null);
        Assert.Null(limits.LackOf(type, provisioning, "us-west4-b"));
    }

    [Theory]
    [InlineData("us-east5", "us-east5-b", true)]
    [InlineData("us-east5", "us-east51-b", false)]
    [InlineData("us-east", "us-east5-b", false)]
    public void LackOf_ARegionsQuota_HoldsForItsZones(string region, string zone, bool lacks)
    {
        var limits = new QuotaLimits(
            [new ReadQuota("TPUV6EPreemptiblePerProjectPerRegionForTPUAPI", region, 0)]);

        Assert.Equal(lacks, limits.LackOf("v6e-1", ProvisioningMode.Spot, zone) is not null);
    }

    [Fact]
    public void LeaveOut_IfEveryPlaceLacks_KeepsThemAll()
    {
        List<Candidate> places =
        [
            .. new[] { "us-east5-a", "us-east5-b" }.Select(
                zone => new Candidate(zone, "v6e-1", ProvisioningMode.Spot, "v", 1, 1)),
        ];
        ReadQuota Zero(string place) => new("TPUV6EPreemptiblePerProjectPerZoneForTPUAPI", place, 0);

        Assert.Equal([places[1]], new QuotaLimits([Zero("us-east5-a")]).LeaveOut(places));
        Assert.Equal(places, new QuotaLimits([Zero("us-east5-a"), Zero("us-east5-b")]).LeaveOut(places));
        Assert.Equal(places, QuotaLimits.Unknown.LeaveOut(places));
    }
}
