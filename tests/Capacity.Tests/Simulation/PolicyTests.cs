using Workflows.Capacity.Bench.Markets;
using Workflows.Capacity.Bench.Policies;

namespace Workflows.Capacity.Tests.Simulation;

/// <summary>Policies on traces whose right course is plain. A point is an hour, and a restart 600 s.</summary>
public sealed class PolicyTests
{
    private const double Hour = 3600, Restart = 600;

    [Fact]
    public void OnDemandOnly_WhateverSpotDoes_CostsWorkAndRestart()
    {
        var outcome = PolicyRun.Run(World("1111"), Job(2, 4), new OnDemandOnly());

        Assert.Equal(10 * (2 * Hour + Restart) / Hour, outcome.Usd, 6);
        Assert.Equal(2 * Hour + Restart + SpotJob.Create, outcome.Seconds, 6);
    }

    [Fact]
    public void Greedy_WithSpotThroughout_NeverPaysOnDemand()
    {
        var outcome = PolicyRun.Run(World("11111111"), Job(2, 4), new Greedy());

        Assert.Equal((1, true), (outcome.Nodes, outcome.Usd < 3 * 2.5));
    }

    /// <summary>The work of 2 h, two restarts of 660 s, the most that a loss costs and a look are left at
    /// 1.6 h.</summary>
    [Fact]
    public void Greedy_WithoutSpot_WaitsUntilTheLastMomentAndKeepsTheDeadline()
    {
        var job = Job(2, 4);

        var outcome = PolicyRun.Run(World("00000000"), job, new Greedy());

        Assert.InRange(outcome.Seconds, job.Deadline - Restart - job.MostLost - 3 * SpotJob.Poll, job.Deadline);
        Assert.Equal(1, outcome.Nodes);
    }

    /// <summary>Without spot at first, the line is left at once: twice an on-demand node works until it is two restarts
    /// ahead, and the spot that has come by then does the rest.</summary>
    [Fact]
    public void UniformProgress_BehindTheLine_PaysOnDemandAndComesBackToSpot()
    {
        var job = Job(4, 8);
        var world = World("00111111111");

        var uniform = PolicyRun.Run(world, job, new UniformProgress());
        var greedy = PolicyRun.Run(world, job, new Greedy());

        Assert.Equal((2, 1), (uniform.Nodes, greedy.Nodes));
        Assert.True(uniform.Seconds < greedy.Seconds && uniform.Usd > greedy.Usd, $"{uniform} and {greedy}");
        Assert.True(uniform.Seconds <= job.Deadline);
    }

    [Fact]
    public void SkyPilot_AfterALoss_FailoverStaysInTheRegionAndEagerLeavesIt()
    {
        // The first zone is lost after an hour and is there again half an hour later; both others always have capacity.
        var zones = new[] { Zone("us-a1-a", "1011", 2), Zone("us-a1-b", "1111", 3), Zone("us-b1-a", "1111", 4) };
        var world = new SpotWorld(zones, 0);

        var failover = Places(world, new SkyPilot(isEager: false));
        var eager = Places(world, new SkyPilot(isEager: true));

        Assert.Equal(["us-a1-a", "us-a1-b"], failover);
        Assert.Equal(["us-a1-a", "us-b1-a"], eager);
    }

    [Fact]
    public void SkyPilot_WithoutCapacity_NeverFinishesAndPaysNothing()
    {
        var outcome = PolicyRun.Run(World("0"), Job(1, 2), new SkyPilot(isEager: true));

        Assert.Equal((0, double.PositiveInfinity), (outcome.Usd, outcome.Seconds));
    }

    /// <summary>Spot is lost at 1 h: 3600 - 60 - 600 = 2940 s of work, of which 2400 are in a checkpoint.</summary>
    [Theory]
    [InlineData(0, 2400)]
    [InlineData(30, 2910)]
    public void Run_APreemption_LosesTheWorkSinceTheCheckpointOrTheNotice(double notice, double saved)
    {
        var outcome = PolicyRun.Run(World("1011111"), Job(2, 40) with { Notice = notice }, new Greedy());

        Assert.Equal((2, 3), (outcome.Nodes, World("1").Zones[0].SpotUsd));
        Assert.Equal(
            (Hour - SpotJob.Create + Restart + 2 * Hour - saved) / Hour * 3, outcome.Usd, 6);
    }

    private static SpotJob Job(double hours, double deadline) => new(hours * Hour, deadline * Hour, Restart);

    private static SpotWorld World(string points) => new([Zone("us-a1-a", points, 3)], 0);

    private static MarketZone Zone(string name, string points, double spot) =>
        new(name, new SpotTrace(name, Hour, [.. points.Select(point => point == '1')]), spot, 10);

    private static List<string> Places(SpotWorld world, IPolicy policy)
    {
        var seen = new Noted(policy);
        PolicyRun.Run(world, Job(2, 40), seen);
        return [.. seen.Zones];
    }

    private sealed class Noted(IPolicy policy) : IPolicy
    {
        public List<string> Zones { get; } = [];

        public Choice Decide(PolicyView view)
        {
            if (view.Node is { } node && (Zones.Count == 0 || Zones[^1] != node.Zone.Name))
            {
                Zones.Add(node.Zone.Name);
            }

            return policy.Decide(view);
        }
    }
}
