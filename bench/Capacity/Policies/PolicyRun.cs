using Workflows.Capacity.Bench.Markets;

namespace Workflows.Capacity.Bench.Policies;

/// <summary>What a policy wants next.</summary>
/// <param name="Zone">The zone of the node to have; null for none.</param>
/// <param name="IsSpot">true for a spot node.</param>
internal sealed record Choice(MarketZone? Zone, bool IsSpot)
{
    /// <summary>Gets the choice to have no node.</summary>
    public static Choice Idle { get; } = new(null, false);
}

/// <summary>A node of a simulated policy.</summary>
/// <param name="Zone">Its zone.</param>
/// <param name="IsSpot">true for a spot node.</param>
/// <param name="ReadyAt">Seconds at which it was READY.</param>
/// <param name="LostAt">Seconds at which it is preempted.</param>
internal sealed record PolicyNode(MarketZone Zone, bool IsSpot, double ReadyAt, double LostAt)
{
    /// <summary>Gets the price in US dollars an hour.</summary>
    public double UsdPerHour => IsSpot ? Zone.SpotUsd : Zone.OnDemandUsd;
}

/// <summary>The state of a job on which a policy decides.</summary>
/// <param name="World">The market.</param>
/// <param name="Job">The job.</param>
/// <param name="Now">Seconds since the beginning.</param>
/// <param name="Done">Seconds of work that are done, those since the last checkpoint included.</param>
/// <param name="Node">The node; null for none.</param>
/// <param name="Lost">The zone in which a node was lost since the last decision; null for none.</param>
internal sealed record PolicyView(
    SpotWorld World, SpotJob Job, double Now, double Done, PolicyNode? Node, MarketZone? Lost)
{
    /// <summary>Gets the cheapest zone that has spot capacity now; null for none. No cloud tells it without being
    /// asked.</summary>
    public MarketZone? CheapestUp =>
        World.Zones.Where(zone => World.IsUp(zone, Now)).MinBy(zone => zone.SpotUsd);

    /// <summary>Gets the zone with the cheapest on-demand nodes.</summary>
    public MarketZone CheapestOnDemand => World.Zones.MinBy(zone => zone.OnDemandUsd)!;
}

/// <summary>A policy with the state of one job.</summary>
internal interface IPolicy
{
    /// <summary>Decides at one look.</summary>
    /// <param name="view">The state.</param>
    public Choice Decide(PolicyView view);
}

/// <summary>
/// Runs a job under a policy. A look every minute; a move loses nothing of the work, but a preemption all since the
/// last checkpoint, or since the notice.
/// </summary>
internal static class PolicyRun
{
    /// <summary>Runs a job.</summary>
    /// <param name="world">The market.</param>
    /// <param name="job">The job.</param>
    /// <param name="policy">The policy, which has decided nothing yet.</param>
    public static JobOutcome Run(SpotWorld world, SpotJob job, IPolicy policy)
    {
        double now = 0, saved = 0, usd = 0;
        var times = default(JobTimes);
        PolicyNode? node = null;
        MarketZone? lost = null;
        var nodes = 0;
        while (now < job.Limit)
        {
            var choice = policy.Decide(new PolicyView(world, job, now, saved + Worked(node, now), node, lost));
            lost = null;
            if (node is not null && (choice.Zone != node.Zone || choice.IsSpot != node.IsSpot))
            {
                Pay(node, now);
                saved += Worked(node, now);
                node = null;
            }

            if (node is null && choice.Zone is { } zone)
            {
                var readyAt = now + SpotJob.Create;
                var isGiven = !choice.IsSpot || (world.IsUp(zone, now) && world.IsUp(zone, readyAt));
                now = readyAt;
                if (isGiven)
                {
                    nodes++;
                    node = new PolicyNode(
                        zone, choice.IsSpot, now, choice.IsSpot ? world.LostAt(zone, now) : double.PositiveInfinity);
                }

                continue;
            }

            var next = now + SpotJob.Poll;
            if (node is not null)
            {
                var doneAt = node.ReadyAt + job.Restart + job.Work - saved;
                if (doneAt <= Math.Min(next, node.LostAt))
                {
                    Pay(node, doneAt);
                    return new JobOutcome(usd, doneAt, nodes, 0) { Times = times };
                }

                if (node.LostAt <= next)
                {
                    Pay(node, node.LostAt);
                    var worked = saved + Worked(node, node.LostAt);
                    var saves = job.Notice > 0 ? saved + Worked(node, node.LostAt - job.Notice) : 0;
                    saved = new[]
                    {
                        saved, saves, Math.Floor(worked / SpotJob.Checkpoint) * SpotJob.Checkpoint,
                    }.Max();
                    (lost, node) = (node.Zone, null);
                }
            }

            now = next;
        }

        if (node is not null)
        {
            Pay(node, now);
        }

        return new JobOutcome(usd, double.PositiveInfinity, nodes, 0) { Times = times };

        void Pay(PolicyNode of, double to)
        {
            usd += Cost(of, to);
            times = times.And(of.IsSpot, Math.Max(0, to - of.ReadyAt), Cost(of, to));
        }

        double Worked(PolicyNode? on, double at) => on is null ? 0 : Math.Max(0, at - on.ReadyAt - job.Restart);
    }

    private static double Cost(PolicyNode node, double to) =>
        Math.Max(0, to - node.ReadyAt) / 3600 * node.UsdPerHour;
}
