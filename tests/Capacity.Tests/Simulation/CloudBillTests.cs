using Google.Cloud.Tpu.V2;
using Microsoft.Extensions.Logging.Abstractions;
using Workflows.Capacity.Bench.Product;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.GoogleCloud.TpuEmulator.Cloud;
using Workflows.TestKit;

namespace Workflows.Capacity.Tests.Simulation;

/// <summary>The emulated cloud's bill, and its spot market.</summary>
public sealed class CloudBillTests : IDisposable
{
    private const string Zone = "us-west4-a", Name = $"projects/p/locations/{Zone}/nodes/n";

    private static readonly DateTimeOffset Start = new(2026, 11, 24, 0, 0, 0, TimeSpan.Zero);

    private readonly TemporaryFolder _folder = new();
    private readonly VirtualClock _clock = new(Start);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Billed_OfANodeThatIsDeleted_CountsFromReadyUntilItIsGone()
    {
        using var cloud = Cloud(null);
        Create(cloud, isSpot: false);
        Pass(cloud, 5);
        Assert.Empty(cloud.Billed());

        Pass(cloud, 100);
        Assert.Equal((10, 100), Seconds(cloud));
        cloud.Delete(Name);
        Pass(cloud, 500);

        Assert.Equal((10, 120), Seconds(cloud));
        Assert.Empty(cloud.Occupied());
    }

    [Fact]
    public void Billed_OfASpotNodeOfTheMarket_EndsWithItsPreemption()
    {
        using var cloud = Cloud(new Market(HasCapacity: true, LostAfter: 300));
        Create(cloud, isSpot: true);
        Pass(cloud, 1000);

        Assert.Equal(Node.Types.State.Preempted, cloud.Get(Name).State);
        Assert.Equal((10, 310), Seconds(cloud));
    }

    [Fact]
    public void Create_WithoutSpotCapacityOnTheMarket_EndsInTheCloudsOwnError()
    {
        using var cloud = Cloud(new Market(HasCapacity: false, LostAfter: null));
        var operation = Create(cloud, isSpot: true);
        Create(cloud, isSpot: false, "m");
        Pass(cloud, 11);

        Assert.Contains(
            "no more capacity", cloud.GetOperation(operation).Error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.EndsWith("/m", Assert.Single(cloud.List("p", "-")).Name, StringComparison.Ordinal);
    }

    [Fact]
    public void Clock_MovedOverItsTimers_FiresEachAtItsOwnTime()
    {
        var fired = new List<double>();
        using var later = _clock.CreateTimer(
            _ => fired.Add((_clock.GetUtcNow() - Start).TotalSeconds), null, TimeSpan.FromSeconds(7),
            Timeout.InfiniteTimeSpan);
        using var again = _clock.CreateTimer(
            _ => fired.Add((_clock.GetUtcNow() - Start).TotalSeconds), null, TimeSpan.FromSeconds(3),
            TimeSpan.FromSeconds(3));

        Assert.Equal(Start.AddSeconds(3), _clock.NextDue);
        _clock.MoveTo(Start.AddSeconds(8));
        _clock.MoveTo(Start);

        Assert.Equal([3, 6, 7], fired);
        Assert.Equal((Start.AddSeconds(8), Start.AddSeconds(9)), (_clock.GetUtcNow(), _clock.NextDue));
    }

    private EmulatedCloud Cloud(ISpotMarket? market) => new(
        new EmulatorOptions
        {
            StateDirectory = _folder.Path,
            DefaultScenario = """{"createSeconds": 10, "deleteSeconds": 20}""",
        },
        _clock, NullLogger<EmulatedCloud>.Instance, market);

    private static string Create(EmulatedCloud cloud, bool isSpot, string id = "n") => cloud.Create(
        "p", Zone, id, new Node
        {
            AcceleratorType = "v5litepod-8",
            RuntimeVersion = "v2-alpha-tpuv5-lite",
            SchedulingConfig = new SchedulingConfig { Spot = isSpot },
        }).Name;

    private void Pass(EmulatedCloud cloud, double seconds)
    {
        _clock.MoveTo(Start.AddSeconds(seconds));
        cloud.Pass();
    }

    private static (double From, double To) Seconds(EmulatedCloud cloud)
    {
        var time = Assert.Single(cloud.Billed());
        return ((time.From - Start).TotalSeconds, (time.To - Start).TotalSeconds);
    }

    private sealed record Market(bool HasCapacity, double? LostAfter) : ISpotMarket
    {
        public bool HasSpot(string zone, DateTimeOffset at) => HasCapacity;

        public DateTimeOffset? LostAt(string zone, DateTimeOffset readyAt) =>
            LostAfter is { } seconds ? readyAt.AddSeconds(seconds) : null;
    }
}
