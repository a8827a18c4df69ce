using Workflows.Activities.Capacity;
using Workflows.ModelFiles;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Capacity;

public sealed class PriceCatalogTests : RunFolder
{
    private const string Good = """
        {"note": "n", "generations": [{"name": "g", "runtimeVersion": "image", "tflopsPerChip": 100,
        "types": {"t-8": 8}, "zones": {"z-b": [3, 1.5], "z-a": [2, 1.5], "z-c": [1, 0.5]}}]}
        """;

    [Theory]
    [InlineData(ProvisioningMode.Spot, "z-c 4,z-a 12,z-b 12")]
    [InlineData(ProvisioningMode.OnDemand, "z-c 8,z-a 16,z-b 24")]
    [InlineData(ProvisioningMode.FlexStart, "z-c 8,z-a 16,z-b 24")]
    public void Offers_OfAType_AreCheapestFirstForTheMode(ProvisioningMode mode, string expected)
    {
        var offers = Load(Good).Offers("t-8", mode, null);

        Assert.Equal(expected, string.Join(",", offers.Select(offer => $"{offer.Zone} {offer.UsdPerHour}")));
        Assert.All(
            offers,
            offer => Assert.Equal((mode, "image", 8), (offer.Provisioning, offer.RuntimeVersion, offer.Chips)));
    }

    [Fact]
    public void Offers_OfAnUnknownType_AreNoneAndItHasNoPeak()
    {
        Assert.Empty(Load(Good).Offers("t-9", ProvisioningMode.Spot, null));
        Assert.Equal((800, 0), (Load(Good).PeakTflops("t-8"), Load(Good).PeakTflops("t-9")));
    }

    [Fact]
    public void At_WithAnImage_TakesItInsteadOfTheGenerations() =>
        Assert.Equal("mine", Load(Good).At("t-8", "z-a", ProvisioningMode.Spot, "mine").RuntimeVersion);

    [Theory]
    [InlineData("us-central1", "us-central1", 0)]
    [InlineData("us-central1", "US-CENTRAL1", 0)]
    [InlineData("us-central1", "us-west4", 0.02)]
    [InlineData("eu", "europe-west4", 0.02)]
    [InlineData("us-central1", "europe-west4", 0.08)]
    [InlineData("", "us-west4", 0.08)]
    public void Egress_BetweenPlaces_IsFreeInsideARegionAndDearBetweenContinents(string from, string to, double usd) =>
        Assert.Equal(usd, PriceCatalog.Load(null).EgressUsdPerGiB(from, to));

    [Fact]
    public void Egress_OfACatalogWithoutIt_HasTheBuiltInPrices() =>
        Assert.Equal(0.02, Load(Good).EgressUsdPerGiB("us-central1", "us-west4"));

    [Theory]
    [InlineData("{\"generations\": []}", "names no generations")]
    [InlineData("{", "not JSON")]
    [InlineData("null", "not a JSON object")]
    [InlineData("{\"generations\": 5}", "could not be converted")]
    [InlineData("{\"generations\": [null]}", "generation '': it lacks")]
    [InlineData("{\"generations\": [{\"name\": \"v9\"}]}", "generation 'v9': it lacks")]
    [InlineData(
        "{\"generations\": [{\"name\": \"v9\", \"runtimeVersion\": \"r\", \"types\": {\"v9-4\": 0}, "
        + "\"zones\": {\"us-a1-a\": [1, 1]}}]}", "type 'v9-4' has 0 chips")]
    [InlineData(
        "{\"generations\": [{\"name\": \"v9\", \"runtimeVersion\": \"r\", \"types\": {\"v9-4\": 4}, "
        + "\"zones\": {\"us-a1-a\": [1]}}]}", "zone 'us-a1-a' has not two prices")]
    [InlineData(
        "{\"generations\": [{\"name\": \"v9\", \"runtimeVersion\": \"r\", \"types\": {\"v9-4\": 4}, "
        + "\"zones\": {\"us-a1-a\": [1, -2]}}]}", "zone 'us-a1-a' has not two prices")]
    [InlineData(
        "{\"generations\": [{\"name\": \"v9\", \"runtimeVersion\": \"r\", \"types\": {\"v9-4\": 4}, "
        + "\"zones\": {\"us-a1-a\": [1e308, 2]}}]}", "zone 'us-a1-a' has not two prices")]
    [InlineData(
        "{\"generations\": [{\"name\": \"v9\", \"runtimeVersion\": \"r\", \"types\": {\"v9-4\": 4}, "
        + "\"zones\": {\"us-a1-a\": [1, 1]}}]}", "tflopsPerChip is 0, wanted above 0")]
    [InlineData(
        "{\"generations\": [{\"name\": \"v9\", \"runtimeVersion\": \"r\", \"types\": {\"v9-4\": 4}, "
        + "\"tflopsPerChip\": 1, \"gigabytesPerSecond\": 0, \"zones\": {\"us-a1-a\": [1, 1]}}]}",
        "gigabytesPerSecond is 0, wanted above 0")]
    public void Load_FileOfAnotherForm_IsNamed(string json, string message)
    {
        var fault = Assert.Throws<ModelFileException>(() => Load(json));

        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.Contains("catalog.json", fault.Message, StringComparison.Ordinal);
    }

    private PriceCatalog Load(string json) => PriceCatalog.Load(Write("catalog.json", [json]));
}
