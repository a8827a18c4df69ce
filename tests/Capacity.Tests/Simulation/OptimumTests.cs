using Workflows.Capacity.Bench.Markets;
using Workflows.Capacity.Bench.Policies;
using Workflows.TestKit;

namespace Workflows.Capacity.Tests.Simulation;

public sealed class OptimumTests
{
    private const double Gap = 600;

    /// <summary>Every sequence of choices of a small job is tried.</summary>
    [Fact]
    public void LeastUsd_OfRandomSmallTraces_IsThatOfTheCheapestSchedule() => Seeds.Try(60, random =>
    {
        var (world, steps) = (World(random, random.Next(1, 3), 7), random.Next(3, 7));
        var work = random.Next(1, steps);
        var restart = random.Next(0, 3);
        var job = new SpotJob(work * Gap, steps * Gap, restart * Gap);

        Assert.Equal(Cheapest(world, steps, work, restart, 0, -1, 0), Optimum.LeastUsd(world, job), 9);
    });

    [Fact]
    public void LeastUsd_OfRandomMarkets_IsNeverDearerThanAPolicyThatKeepsTheDeadline() => Seeds.Try(60, random =>
    {
        var world = World(random, random.Next(1, 4), 60);
        var job = new SpotJob(10 * Gap, 10 * Gap * (1.5 + 2 * random.NextDouble()), random.Next(0, 900));
        var least = Optimum.LeastUsd(world, job);

        foreach (var policy in new IPolicy[]
        {
            new OnDemandOnly(), new Greedy(), new UniformProgress(), new SkyPilot(isEager: true),
            new SkyPilot(isEager: false),
        })
        {
            var outcome = PolicyRun.Run(world, job, policy);
            Assert.True(
                outcome.Seconds > job.Deadline || outcome.Usd >= least - 1e-9,
                $"{policy.GetType().Name} costs {outcome.Usd}, and the optimum {least}.");
        }
    });

    [Fact]
    public void LeastUsd_OfADeadlineBeforeTheWork_IsInfinite() => Assert.Equal(
        double.PositiveInfinity, Optimum.LeastUsd(World(new Random(1), 1, 5), new SpotJob(3 * Gap, 2 * Gap, 0)));

    /// <summary>Makes a market with random capacity and prices.</summary>
    internal static SpotWorld World(Random random, int zones, int points) => new(
        [.. Enumerable.Range(0, zones).Select(zone => new MarketZone(
            $"us-r{zone}-a",
            new SpotTrace($"{zone}", Gap, [.. Enumerable.Range(0, points).Select(_ => random.Next(2) == 0)]),
            1 + random.NextDouble() * 5, 6 + random.NextDouble() * 6))],
        random.Next(points) * Gap);

    /// <summary>Tries every choice at every point: no node, or a node in each place.</summary>
    private static double Cheapest(SpotWorld world, int steps, int work, int restart, int step, int place, int rest)
    {
        if (work == 0 || step == steps)
        {
            return work == 0 ? 0 : double.PositiveInfinity;
        }

        var best = Cheapest(world, steps, work, restart, step + 1, -1, 0);
        for (var next = 0; next <= world.Zones.Count; next++)
        {
            var isOnDemand = next == world.Zones.Count;
            if (isOnDemand || world.IsUp(world.Zones[next], (step + 0.5) * Gap))
            {
                var left = next == place ? rest : restart;
                var price = isOnDemand
                    ? world.Zones.Min(zone => zone.OnDemandUsd) : world.Zones[next].SpotUsd;
                best = Math.Min(best, price * Gap / 3600 + Cheapest(
                    world, steps, left > 0 ? work : work - 1, restart, step + 1, next, Math.Max(0, left - 1)));
            }
        }

        return best;
    }
}
