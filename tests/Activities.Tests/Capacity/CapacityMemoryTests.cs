using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Capacity;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Capacity;

public sealed class CapacityMemoryTests : IDisposable
{
    private static readonly Candidate Place = new("us-west4-a", "v5litepod-8", ProvisioningMode.OnDemand, "v", 8, 1);
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero));

    private string File => Path.Combine(_folder, "capacity-memory.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(RefusalScope.Zone, "us-west4-a", true)]
    [InlineData(RefusalScope.Zone, "us-west4-b", false)]
    [InlineData(RefusalScope.Region, "us-west4-b", true)]
    [InlineData(RefusalScope.Region, "us-west1-a", false)]
    [InlineData(RefusalScope.Project, "us-west4-a", false)]
    [InlineData(RefusalScope.Request, "us-west4-a", false)]
    public void Find_AfterARefusal_ReachesAsFarAsItsScope(RefusalScope scope, string zone, bool isFound)
    {
        Open().Remember("p", Place, Refusal(scope));

        Assert.Equal(isFound, Open().Find("p", Place with { Zone = zone }) is not null);
    }

    [Fact]
    public void Find_AnotherProjectTypeOrMode_KnowsNothing()
    {
        Open().Remember("p", Place, Refusal(RefusalScope.Zone));

        Assert.Null(Open().Find("q", Place));
        Assert.Null(Open().Find("p", Place with { AcceleratorType = "v6e-8" }));
        Assert.Null(Open().Find("p", Place with { Provisioning = ProvisioningMode.Spot }));
    }

    [Fact]
    public void Find_AtTheEndOfTheMemory_KnowsNothingAndTheFileForgets()
    {
        Open().Remember("p", Place, Refusal(RefusalScope.Zone));
        _clock.Advance(TimeSpan.FromSeconds(600));

        Assert.Null(Open().Find("p", Place));

        Open().Remember("p", Place with { Zone = "us-west1-a" }, Refusal(RefusalScope.Zone));
        Assert.DoesNotContain("us-west4-a", System.IO.File.ReadAllText(File), StringComparison.Ordinal);
    }

    [Fact]
    public void File_OfEarlierVersions_IsReadAndItsKeysStayTheSame()
    {
        System.IO.File.WriteAllText(File, """
            {"p/us-west4-a/v5litepod-8/on-demand":{"until":"2026-11-24T10:00:00+00:00","code":"C","reason":"r"}}
            """);

        Assert.Equal("C", Open().Find("p", Place)?.Code);

        Open().Remember("p", Place with { Zone = "us-west1-a" }, Refusal(RefusalScope.Zone));
        using var kept = JsonDocument.Parse(System.IO.File.ReadAllText(File));
        Assert.Equal(
            ["p/us-west1-a/v5litepod-8/on-demand", "p/us-west4-a/v5litepod-8/on-demand"],
            kept.RootElement.EnumerateObject().Select(each => each.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Remember_RefusalWithoutATime_WritesNothing()
    {
        Open().Remember("p", Place, Refusal(RefusalScope.Zone) with { RememberSeconds = 0 });

        Assert.False(System.IO.File.Exists(File));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"p/us-w")]
    [InlineData("[]")]
    public void Find_DamagedFile_IsACacheThatWasLost(string text)
    {
        System.IO.File.WriteAllText(File, text);

        Assert.Null(Open().Find("p", Place));
        Open().Remember("p", Place, Refusal(RefusalScope.Zone));
        Assert.NotNull(Open().Find("p", Place));
    }

    [Fact]
    public void All_OfTheMemory_ListsWhatStillHolds()
    {
        Open().Remember("p", Place, Refusal(RefusalScope.Zone));
        Open().Remember("q", Place, Refusal(RefusalScope.Region) with { RememberSeconds = 60 });
        _clock.Advance(TimeSpan.FromSeconds(61));

        Assert.Equal(
            [new RememberedPlace(
                "p", Place.Zone, "v5litepod-8", "on-demand", _clock.GetUtcNow().AddSeconds(539), "C", "r")],
            Open().All());
    }

    [Fact]
    public void Forget_APlaceOrAll_LetsTheNextRunAskThere()
    {
        var other = Place with { Zone = "us-west1-a" };
        Open().Remember("p", Place, Refusal(RefusalScope.Zone));
        Open().Remember("q", Place with { AcceleratorType = "v6e-8" }, Refusal(RefusalScope.Zone));
        Open().Remember("p", other, Refusal(RefusalScope.Region));

        Assert.Equal(0, Open().Forget("us-west"));
        Assert.Equal(2, Open().Forget(Place.Zone));
        Assert.Null(Open().Find("p", Place));
        Assert.NotNull(Open().Find("p", other));
        Assert.Equal(1, Open().Forget(null));
        Assert.Empty(Open().All());
        Assert.Equal(0, Open().Forget(null));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{\"p/us-west4-a/v5litepod-8/on-demand\":null}")]
    [InlineData("{\"one/part\":{\"until\":\"2099-01-01T00:00:00Z\",\"code\":\"C\",\"reason\":\"r\"}}")]
    public void All_OfAStrangeFile_IsEmpty(string text)
    {
        System.IO.File.WriteAllText(File, text);

        Assert.Empty(Open().All());
        Assert.Equal(0, Open().Forget("us-west4-a"));
    }

    private CapacityMemory Open() => new(_folder, _clock);

    private static Refusal Refusal(RefusalScope scope) => new("C", scope, 600, "r", "f");
}
