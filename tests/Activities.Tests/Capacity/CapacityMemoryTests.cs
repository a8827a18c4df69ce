using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Capacity;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Capacity;

public sealed class CapacityMemoryTests : IDisposable
{
    private static readonly Candidate Place = new("us-west4-a", "v5litepod-8", ProvisioningMode.OnDemand, "v", 8, 1);
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero));

    private string File => Path.Combine(_folder, "capacity.jsonl");

    private string OldFile => Path.Combine(_folder, "capacity-memory.json");

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

    /// <summary>The quota of the small slices of v5e has 4 chips in the zone, or none in the region.</summary>
    [Theory]
    [InlineData("us-west4-a", 4, "us-west4-a", "v5litepod-8", ProvisioningMode.OnDemand, true)]
    [InlineData("us-west4-a", 4, "us-west4-a", "v5litepod-4", ProvisioningMode.OnDemand, false)]
    [InlineData("us-west4-a", 3, "us-west4-a", "v5litepod-4", ProvisioningMode.OnDemand, true)]
    [InlineData("us-west4-a", 0, "us-west4-a", "v5litepod-1", ProvisioningMode.OnDemand, true)]
    [InlineData("us-west4-a", 0, "us-west4-a", "v5litepod-16", ProvisioningMode.OnDemand, false)]
    [InlineData("us-west4-a", 0, "us-west4-a", "v6e-1", ProvisioningMode.OnDemand, false)]
    [InlineData("us-west4-a", 0, "us-west4-a", "v5litepod-1", ProvisioningMode.Spot, false)]
    [InlineData("us-west4-a", 0, "us-west4-b", "v5litepod-1", ProvisioningMode.OnDemand, false)]
    [InlineData("us-west4", 0, "us-west4-b", "v5litepod-1", ProvisioningMode.OnDemand, true)]
    [InlineData("us-west4", 0, "us-west1-a", "v5litepod-1", ProvisioningMode.OnDemand, false)]
    public void Find_AfterAQuotaThatIsTooSmall_KnowsEverySliceOfItsFamily(
        string of, long limit, string zone, string type, ProvisioningMode mode, bool isFound)
    {
        var refusal = Refusal(of == "us-west4" ? RefusalScope.Region : RefusalScope.Zone) with
        {
            RememberSeconds = 86400,
            Quotas = [new QuotaReach("v5litepod", limit + 1, 8, [ProvisioningMode.OnDemand], of)],
        };
        Open().Remember("p", Place with { Zone = "us-west4-a" }, refusal);

        var found = Open().Find("p", Place with { Zone = zone, AcceleratorType = type, Provisioning = mode });

        Assert.Equal(isFound, found is not null);
        Assert.Null(Open().Find("q", Place with { Zone = zone, AcceleratorType = "v5litepod-1" }));
        if (isFound)
        {
            Assert.Equal(refusal.Scope, found!.Scope);
            Open().Forget(new ForgottenPlace(of));
            Assert.Null(Open().Find("p", Place with { Zone = zone, AcceleratorType = type, Provisioning = mode }));
        }
    }

    /// <summary>Another run may name another subnetwork.</summary>
    [Fact]
    public void Remember_OfACauseInTheRequest_WritesNothing()
    {
        Open().Remember("p", Place, Refusal(RefusalScope.Region) with { IsOfRun = true });

        Assert.Null(Open().Find("p", Place));
    }

    [Fact]
    public void Find_AtTheEndOfTheMemory_KnowsNothing()
    {
        Open().Remember("p", Place, Refusal(RefusalScope.Zone));
        _clock.Advance(TimeSpan.FromSeconds(600));

        Assert.Null(Open().Find("p", Place));
        Assert.Empty(Open().Seen());
    }

    /// <summary>A clock that was put back ends a node before it began.</summary>
    [Fact]
    public void Remember_OfATimeBelowZero_LeavesALifeAboveZero()
    {
        var memory = Open();
        memory.RememberLoss("p", Place, -1e6);
        memory.RememberWait("p", Place, -5);
        memory.RememberInVain("p", Place, -5);

        Assert.Equal(SpotLife.Prior / 2, memory.LifeOf("p", Place).Seconds);
        Assert.Equal((0, 0), (memory.Seen()[0].WaitSeconds, memory.Seen()[0].LifeSeconds));
        Assert.Equal(0, Open().PastsOf("p").Of(Place).InVainSeconds);
    }

    /// <summary>The file stays small: expired and replaced facts leave it.</summary>
    [Fact]
    public void Remember_OfManyFacts_WritesTheFileAnewWithThoseThatHold()
    {
        var memory = Open();
        for (var number = 0; number < 1100; number++)
        {
            memory.Remember("p", Place, Refusal(RefusalScope.Zone) with { Reason = $"refusal {number}" });
        }

        Assert.InRange(System.IO.File.ReadLines(File).Count(), 1, 200);
        Assert.Equal("refusal 1099", Open().Find("p", Place)?.Reason);
    }

    [Fact]
    public void File_OfEarlierVersions_IsTakenOverOnce()
    {
        System.IO.File.WriteAllText(OldFile, """
            {"p/us-west4-a/v5litepod-8/on-demand":{"until":"2026-11-24T10:00:00+00:00","code":"C","reason":"r"}}
            """);

        Assert.Equal("C", Open().Find("p", Place)?.Code);
        Assert.False(System.IO.File.Exists(OldFile));

        Open().Remember("p", Place with { Zone = "us-west1-a" }, Refusal(RefusalScope.Zone));
        Assert.Equal(["us-west1-a", "us-west4-a"], Open().All().Select(each => each.Place));
    }

    [Fact]
    public void Remember_RefusalWithoutATime_WritesNothing()
    {
        Open().Remember("p", Place, Refusal(RefusalScope.Zone) with { RememberSeconds = 0 });

        Assert.False(System.IO.File.Exists(File));
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("{\"p/us-w\n", false)]
    [InlineData("[]\n", false)]
    [InlineData("null\n", false)]
    [InlineData("{\"at\":\"2026-11-24T09:00:00Z\",\"kind\":\"added\",\"key\":\"k\",\"data\":{}}\n", false)]
    [InlineData("{\"p/us-w", true)]
    [InlineData("[]", true)]
    public void Find_DamagedFile_IsACacheThatWasLost(string text, bool isOld)
    {
        System.IO.File.WriteAllText(isOld ? OldFile : File, text);

        Assert.Null(Open().Find("p", Place));
        Open().Remember("p", Place, Refusal(RefusalScope.Zone));
        Assert.NotNull(Open().Find("p", Place));
    }

    [Theory]
    [InlineData("{\"p/us-w\n{}\n", false)]
    [InlineData("{\"p/us-w", true)]
    public void Find_DamagedFile_IsToldOnceAndKeptAsACopy(string text, bool isOld)
    {
        var path = isOld ? OldFile : File;
        System.IO.File.WriteAllText(path, text);
        var lines = new Lines();

        var memory = new CapacityMemory(_folder, _clock, lines);
        Assert.Null(memory.Find("p", Place));
        Assert.Null(memory.Find("p", Place));
        Assert.Null(new CapacityMemory(_folder, _clock, lines).Find("p", Place));

        var line = Assert.Single(lines);
        Assert.Contains($"{Path.GetFileName(path)}, is damaged", line, StringComparison.Ordinal);
        Assert.Contains($"{path}.damaged", line, StringComparison.Ordinal);
        Assert.Equal(text, System.IO.File.ReadAllText($"{path}.damaged"));
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

        Assert.Equal(0, Open().Forget(new ForgottenPlace("us-west")));
        Assert.Equal(2, Open().Forget(new ForgottenPlace(Place.Zone)));
        Assert.Null(Open().Find("p", Place));
        Assert.NotNull(Open().Find("p", other));
        Assert.Equal(1, Open().Forget(new ForgottenPlace(null)));
        Assert.Empty(Open().All());
        Assert.Equal(0, Open().Forget(new ForgottenPlace(null)));
    }

    [Fact]
    public void Forget_OneTypeModeOrProject_KeepsTheOthers()
    {
        Open().Remember("p", Place, Refusal(RefusalScope.Zone));
        Open().Remember("p", Place with { AcceleratorType = "v6e-8" }, Refusal(RefusalScope.Zone));
        Open().Remember("p", Place with { Provisioning = ProvisioningMode.Spot }, Refusal(RefusalScope.Zone));
        Open().Remember("q", Place, Refusal(RefusalScope.Zone));

        Assert.Equal(0, Open().Forget(new ForgottenPlace(Place.Zone, "v6e-8", "spot")));
        Assert.Equal(1, Open().Forget(new ForgottenPlace(Place.Zone, "v5litepod-8", "on-demand", "p")));
        Assert.Equal(1, Open().Forget(new ForgottenPlace(null, Project: "q")));
        Assert.Equal(
            [("v5litepod-8", "spot"), ("v6e-8", "on-demand")],
            Open().All().Select(each => (each.AcceleratorType, each.Provisioning)));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{\"p/us-west4-a/v5litepod-8/on-demand\":null}")]
    [InlineData("{\"one/part\":{\"until\":\"2099-01-01T00:00:00Z\",\"code\":\"C\",\"reason\":\"r\"}}")]
    public void All_OfAStrangeFile_IsEmpty(string text)
    {
        System.IO.File.WriteAllText(OldFile, text);

        Assert.Empty(Open().All());
        Assert.Equal(0, Open().Forget(new ForgottenPlace("us-west4-a")));
    }

    /// <summary>Waits are of a type and mode, whatever the zone; lives are of a place.</summary>
    [Fact]
    public void Seen_AfterWaitsAndLosses_HasTheirMediansUntilTheyExpire()
    {
        var other = Place with { Zone = "us-west1-a" };
        Open().RememberWait("p", Place, 100);
        Open().RememberWait("p", Place, 300);
        Open().RememberWait("p", other, 700);
        Open().RememberWait("p", Place with { Provisioning = ProvisioningMode.Spot }, 9000);
        Open().RememberLoss("p", Place, 3600);
        Open().Remember("p", Place, Refusal(RefusalScope.Zone));

        var seen = Open().Seen().Single(each => (each.Place, each.Provisioning) == (Place.Zone, "on-demand"));
        Assert.Equal((2, 200, 300, 1, 3600), (
            seen.Nodes, seen.WaitSeconds, seen.LongestWaitSeconds, seen.Losses, seen.LifeSeconds));
        Assert.Equal("C", seen.Refused?.Code);
        Assert.Equal(700, Open().LongestWait("p", Place));
        Assert.Null(Open().LongestWait("q", Place));
        Assert.Null(Open().LongestWait("p", Place with { AcceleratorType = "v6e-8" }));

        _clock.Advance(TimeSpan.FromDays(29));
        Assert.Null(Assert.Single(Open().Seen(), each => each.Losses == 1).Refused);
        _clock.Advance(TimeSpan.FromDays(1));
        Assert.Empty(Open().Seen());
        Assert.Null(Open().LongestWait("p", Place));
    }

    [Fact]
    public void Forget_APlaceWithWaits_ForgetsThemToo()
    {
        Open().RememberWait("p", Place, 100);

        Assert.Equal(1, Open().Forget(new ForgottenPlace(Place.Zone)));

        Assert.Empty(Open().Seen());
    }

    private CapacityMemory Open() => new(_folder, _clock);

    private sealed class Lines : List<string>, ILogger<CapacityMemory>
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Add(formatter(state, exception));
    }

    private static Refusal Refusal(RefusalScope scope) => new("C", scope, 600, "r", "f");
}
