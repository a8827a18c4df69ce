using Workflows.Capacity.Bench.Markets;
using Workflows.Capacity.Bench.Policies;
using Workflows.Capacity.Bench.Product;

namespace Workflows.Capacity.Tests.Simulation;

/// <summary>The product on small markets, by its own orchestrators and activities.</summary>
public sealed class ProductRunTests
{
    private const double Hour = 3600;

    [Fact]
    public async Task Run_WithSpotThroughout_CostsWorkAndRestartOfTheCheapestZone()
    {
        var zones = Zones("1", "1");
        var job = new SpotJob(Hour, 4 * Hour, 300);

        var outcome = await ProductRun.RunAsync(new SpotWorld(zones, 0), job, ProductRequest.Deadline);

        Assert.Equal((1, 0), (outcome.Nodes, outcome.Leaks));
        Assert.InRange(outcome.Seconds, Hour + 300, Hour + 300 + 3 * SpotJob.Poll);
        Assert.InRange(outcome.Usd, zones[0].SpotUsd * 1.08, zones[0].SpotUsd * 1.13);
    }

    [Fact]
    public async Task Run_WithoutSpot_KeepsTheDeadlineOnDemand()
    {
        var zones = Zones("0", "0");
        var job = new SpotJob(Hour, 2.5 * Hour, 60);

        var outcome = await ProductRun.RunAsync(new SpotWorld(zones, 0), job, ProductRequest.Deadline);

        Assert.Equal((1, 0), (outcome.Nodes, outcome.Leaks));
        Assert.InRange(outcome.Seconds, Hour, job.Deadline);
        Assert.InRange(outcome.Usd, zones[0].OnDemandUsd, zones[0].OnDemandUsd * 1.1);
    }

    /// <summary>The cheap zone has capacity after two hours; the time to spare is waited for it.</summary>
    [Theory]
    [InlineData(8, true)]
    [InlineData(1.6, false)]
    public async Task Run_WithADearZoneOnly_WaitsForTheCheapOneWhileThereIsTime(double slack, bool waits)
    {
        var zones = Zones("00111111111111111111", "1");
        var job = new SpotJob(Hour, slack * Hour, 60);

        var outcome = await ProductRun.RunAsync(new SpotWorld(zones, 0), job, ProductRequest.Deadline);

        Assert.True(outcome.Seconds <= job.Deadline);
        Assert.Equal(waits, outcome.Seconds > 2 * Hour);
        Assert.Equal(waits, outcome.Usd < zones[1].SpotUsd);
    }

    /// <summary>Sixty-nine minutes more than the work have room for one loss with restarts of 15 minutes, if the rate,
    /// which was even for two hours, holds back little. The second node is kept from its first minute on.</summary>
    [Fact]
    public async Task Run_WithALossNearTheDeadline_StaysOnSpot()
    {
        var zones = Zones("1100000000000000", "1");
        var job = new SpotJob(12 * Hour, 12 * Hour + 69 * 60, 900);

        var outcome = await ProductRun.RunAsync(new SpotWorld(zones, 0), job, ProductRequest.Deadline);

        Assert.True(outcome.Seconds <= job.Deadline);
        Assert.Equal((2, 0, 0), (outcome.Nodes, outcome.Leaks, outcome.Times.OnDemand));
    }

    /// <summary>The node is lost 53 minutes after its first step. Two minutes between checkpoints, and the one that its
    /// worker saves when it is told, make the loss small; ten minutes between them would cost three.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(30)]
    public async Task Run_WithALoss_GoesOnFromTheCheckpointOfTheNotice(double notice)
    {
        var zones = Zones("1", "0");
        zones[0] = zones[0] with { Trace = new SpotTrace(zones[0].Name, Hour, [true, false, true, true, true, true]) };
        var job = new SpotJob(2 * Hour, 20 * Hour, 360) { Notice = notice };

        var outcome = await ProductRun.RunAsync(new SpotWorld(zones, 0), job, ProductRequest.Deadline);

        // READY after 60 s, and 3180 s of work: 26 checkpoints are 3120 s.
        var lost = notice > 0 ? notice : 60;
        Assert.Equal((2, 0), (outcome.Nodes, outcome.Leaks));
        Assert.InRange(
            outcome.Times.Spot, job.Work + (2 * job.Restart) + lost - 10, job.Work + (2 * job.Restart) + lost + 70);
    }

    private static MarketZone[] Zones(string cheap, string dear)
    {
        var priced = SpotWorld.Priced(TraceGenerator.Generate(TraceGenerator.Measured, 1, 1));
        return [Of(priced[0], cheap), Of(priced[6], dear)];

        static MarketZone Of(MarketZone zone, string points) => zone with
        {
            Trace = new SpotTrace(zone.Name, Hour, [.. points.Select(point => point == '1')]),
        };
    }
}
