using Workflows.GoogleCloud.TpuEmulator;
using Workflows.TestKit;

namespace Workflows.GoogleCloud.Tests.Emulator;

public sealed class ScenarioTests
{
    [Theory]
    [InlineData("""{"createSeconds": -1}""", "createSeconds")]
    [InlineData("""{"createSeconds": "soon"}""", "createSeconds")]
    [InlineData("""{"operationLagSeconds": 1e9}""", "operationLagSeconds")]
    [InlineData("""{"deleteSeconds": -0.1}""", "deleteSeconds")]
    [InlineData("""{"queueSeconds": -1}""", "queueSeconds")]
    [InlineData("""{"projectNumber": "my-project"}""", "projectNumber")]
    [InlineData("""{"projectNumber": null}""", "projectNumber")]
    [InlineData("""{"zones": null}""", "zones")]
    [InlineData("""{"zone": {}}""", "zone")]
    [InlineData("""{"zones": {"z": null}}""", "zones.z")]
    [InlineData("""{"zones": {"z": {"refuse": "NO"}}}""", "zones.z.refuse")]
    [InlineData("""{"zones": {"z": {"refused": "NO"}}}""", "zones.z.refused")]
    [InlineData("""{"zones": {"z": {"quota": {"Chips": 1}}}}""", "zones.z.quota.Chips")]
    [InlineData("""{"zones": {"z": {"quota": {"TPUV6EPerProjectPerZoneForTPUAPI": -1}}}}""",
        "zones.z.quota.TPUV6EPerProjectPerZoneForTPUAPI")]
    [InlineData("""{"zones": {"z": {"acceleratorTypes": ["v6e-8", "v6e-9"]}}}""", "zones.z.acceleratorTypes[1]")]
    [InlineData("""{"zones": {"z": {"acceleratorTypes": [null]}}}""", "zones.z.acceleratorTypes[0]")]
    [InlineData("""{"zones": {"z": {"emptyAcceleratorTypeLists": -1}}}""", "zones.z.emptyAcceleratorTypeLists")]
    [InlineData("""{"zones": {"z": {"capacity": -1}}}""", "zones.z.capacity")]
    [InlineData("""{"zones": {"z": {"unavailableCreates": -1}}}""", "zones.z.unavailableCreates")]
    [InlineData("""{"zones": {"z": {"unavailableCreates": 1.5}}}""", "zones.z.unavailableCreates")]
    [InlineData("""{"zones": {"z": {"rateLimitedCreates": -1}}}""", "zones.z.rateLimitedCreates")]
    [InlineData("""{"zones": {"z": {"createSeconds": -1}}}""", "zones.z.createSeconds")]
    [InlineData("""{"zones": {"z": {"operationLagSeconds": -1}}}""", "zones.z.operationLagSeconds")]
    [InlineData("""{"zones": {"z": {"deleteSeconds": -1}}}""", "zones.z.deleteSeconds")]
    [InlineData("""{"zones": {"z": {"queueSeconds": -1}}}""", "zones.z.queueSeconds")]
    [InlineData("""{"zones": {"z": {"preempt": {}}}}""", "zones.z.preempt")]
    [InlineData("""{"zones": {"z": {"preempt": {"afterSeconds": -1}}}}""", "zones.z.preempt.afterSeconds")]
    [InlineData("""{"zones": {"z": {"preempt": {"afterSeconds": 1, "nodes": 0}}}}""", "zones.z.preempt.nodes")]
    [InlineData("""{"zones": {"z": {"preempt": {"guestAttribute": "step"}}}}""", "zones.z.preempt.guestAttribute")]
    [InlineData("null", "$")]
    [InlineData("[]", "$")]
    [InlineData("{", "$")]
    public void Parse_OfAWrongField_NamesIt(string json, string field)
    {
        var exception = Assert.Throws<ScenarioException>(() => Scenario.Parse(json));

        Assert.Equal(field, exception.Field);
        Assert.StartsWith($"Scenario, field '{field}': ", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_OfNothing_HasTheDocumentedDefaults()
    {
        var scenario = Scenario.Parse("{}");

        Assert.Equal(1, scenario.CreateSeconds);
        Assert.Equal(0, scenario.OperationLagSeconds);
        Assert.Equal(0.5, scenario.DeleteSeconds);
        Assert.Equal(1, scenario.QueueSeconds);
        Assert.False(scenario.ApiDisabled);
        Assert.Equal("123456789012", scenario.ProjectNumber);
        Assert.Empty(scenario.Zones);
    }

    [Fact]
    public void Parse_OfTheSample_HasItsThreeRefusalsAndItsPreemption()
    {
        var scenario = Scenario.Parse(File.ReadAllText(Checkout.PathOf("samples", "ko-en.rehearsal.json")));

        Assert.Equal("LOCATION_POLICY_VIOLATED", scenario.Zones["us-central2-b"].Refuse);
        Assert.Equal(4, scenario.Zones["us-central1-a"].Quota["TPUV5sLitepodServingPerProjectPerZoneForTPUAPI"]);
        Assert.DoesNotContain("v5litepod-8", scenario.Zones["us-central1-b"].AcceleratorTypes!);
        Assert.Equal("workflows/step", scenario.Zones["us-west4-a"].Preempt!.GuestAttribute);
    }

    [Fact]
    public void Documentation_NamesEveryField()
    {
        var documented = File.ReadAllText(Checkout.PathOf("docs", "rehearsal.md"));

        var missing = new[] { typeof(Scenario), typeof(ZoneScenario), typeof(PreemptionScenario) }
            .SelectMany(type => type.GetProperties())
            .Select(property => char.ToLowerInvariant(property.Name[0]) + property.Name[1..])
            .Where(field => !documented.Contains($"`{field}`", StringComparison.Ordinal));

        Assert.Empty(missing);
    }
}
