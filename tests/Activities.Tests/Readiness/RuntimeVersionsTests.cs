using Grpc.Core;
using Workflows.Activities.Readiness;
using Workflows.Activities.Tests.Provisioning;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Readiness;

/// <summary>A node gets an image that its zone lists; the catalog's where the zone does not answer.</summary>
public sealed class RuntimeVersionsTests : CloudFolder
{
    [Theory]
    [InlineData("v2-alpha-tpuv6e", "v2-alpha-tpuv6e v3-alpha-tpuv6e", "v2-alpha-tpuv6e")]
    [InlineData("v2-alpha-tpuv6e", "v3-alpha-tpuv6e v10-alpha-tpuv6e v9-alpha-tpuv6e", "v10-alpha-tpuv6e")]
    [InlineData("v2-alpha-tpuv5", "v3-alpha-tpuv5-lite tpu-ubuntu2404-base", "v2-alpha-tpuv5")]
    [InlineData("v2-alpha-tpuv5-lite", "v3-alpha-tpuv5 v3-alpha-tpuv5-lite", "v3-alpha-tpuv5-lite")]
    [InlineData("tpu-ubuntu2204-base", "tpu-vm-base tpu-ubuntu2404-base", "tpu-ubuntu2404-base")]
    [InlineData("custom", "tpu-vm-base", "custom")]
    public void Fit_OfAPlace_IsTheNewestImageOfItsSeriesIfItsOwnIsGone(string own, string listed, string expected)
    {
        var versions = new RuntimeVersions(new Dictionary<string, IReadOnlyList<string>>
        {
            ["z-a"] = listed.Split(' '),
        });
        var place = new Candidate("z-a", "t", ProvisioningMode.Spot, own, 8, 1);

        Assert.Equal(expected, versions.Fit(place).RuntimeVersion);
        Assert.Equal(own, versions.Fit(place with { Zone = "z-b" }).RuntimeVersion);
    }

    [Fact]
    public async Task ReadAsync_OfZones_HasThoseThatAnswerWithTheirWholeList()
    {
        Cloud.Runtimes["us-west4-a"] = ["other", "v3-alpha-tpuv5-lite"];
        Cloud.Broken["projects/p/locations/us-west1-c"] =
            new RpcException(new Status(StatusCode.PermissionDenied, "Permission denied."));

        var versions = await RuntimeVersions.ReadAsync(
            Cloud, "p", ["us-west4-a", "us-west1-c", "us-east5-b"], TestContext.Current.CancellationToken);

        Assert.Equal("v3-alpha-tpuv5-lite", versions.Fit(Place()).RuntimeVersion);
        Assert.Equal("v2-alpha-tpuv5-lite", versions.Fit(Place("us-west1-c")).RuntimeVersion);
        Assert.Equal("v2-alpha-tpuv5-lite", versions.Fit(Place("us-east5-b")).RuntimeVersion);
    }

    /// <summary>An image that the catalog does not have is never used in silence.</summary>
    [Theory]
    [InlineData("v2-alpha-tpuv6e", null)]
    [InlineData("v3-alpha-tpuv6e", "does not list the catalog's image v2-alpha-tpuv6e; its nodes get v3-alpha-tpuv6e")]
    [InlineData("v9-nightly-tpuv6e", "lists no image of the series of v2-alpha-tpuv6e")]
    public void Say_OfAZone_TellsIfItLacksTheCatalogsImage(string listed, string? expected)
    {
        var place = new Candidate("us-east5-b", "v6e-8", ProvisioningMode.Spot, "v2-alpha-tpuv6e", 8, 1);
        var versions = new RuntimeVersions(
            new Dictionary<string, IReadOnlyList<string>> { ["us-east5-b"] = ["v2-alpha-tpuv5-lite", listed] });

        var said = versions.Say([place, place with { UsdPerHour = 2 }, place with { Zone = "us-east5-a" }]);

        Assert.Equal(expected is null ? 0 : 1, said.Count);
        Assert.All(said, each => Assert.StartsWith($"us-east5-b {expected}", each, StringComparison.Ordinal));
    }
}
