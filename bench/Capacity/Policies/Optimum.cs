using Workflows.Capacity.Bench.Markets;

namespace Workflows.Capacity.Bench.Policies;

/// <summary>
/// The cheapest way to do a job by its deadline for one who knows the traces to their end: a dynamic programme over the
/// points of the traces, the work that is left, the node, and how far its restart is. It is a bound, and no policy can
/// be cheaper: it asks only where there is capacity, waits for no node, saves all work just before a preemption, and
/// has restart and work rounded down to whole points.
/// </summary>
internal static class Optimum
{
    /// <summary>Returns the least cost.</summary>
    /// <param name="world">The market, whose traces have equal gaps and which begins at a point of them.</param>
    /// <param name="job">The job.</param>
    /// <param name="isRoundedUp">true to round restart and work up to whole points: no bound, but the cost of one who
    /// knows the traces and pays all of every restart.</param>
    /// <returns>US dollars; infinite if no schedule keeps the deadline.</returns>
    public static double LeastUsd(SpotWorld world, SpotJob job, bool isRoundedUp = false)
    {
        var gap = world.Zones[0].Trace.GapSeconds;
        var steps = (int)Math.Ceiling(job.Deadline / gap);
        var work = Whole(job.Work / gap);
        var restart = Whole(job.Restart / gap);
        var prices = world.Zones.Select(zone => zone.SpotUsd * gap / 3600)
            .Append(world.Zones.Min(zone => zone.OnDemandUsd) * gap / 3600).ToArray();
        var up = Enumerable.Range(0, steps).Select(step => world.Zones.Select(
            zone => zone.Trace.IsUp(world.Offset + (step + 0.5) * gap)).Append(true).ToArray()).ToArray();

        // free[w]: least cost with w points of work left and no node; kept[p][k][w]: with a node at place p, k points
        // of its restart left.
        var free = Row(work);
        var kept = prices.Select(_ => Enumerable.Range(0, restart + 1).Select(_ => Row(work)).ToArray()).ToArray();
        for (var step = steps - 1; step >= 0; step--)
        {
            var nextFree = new double[work + 1];
            var nextKept = prices.Select(_ => new double[restart + 1][]).ToArray();
            for (var left = 1; left <= work; left++)
            {
                var best = free[left];
                for (var place = 0; place < prices.Length; place++)
                {
                    if (up[step][place])
                    {
                        best = Math.Min(best, prices[place] + After(kept[place], restart, left));
                    }
                }

                nextFree[left] = best;
            }

            for (var place = 0; place < prices.Length; place++)
            {
                for (var rest = 0; rest <= restart; rest++)
                {
                    var row = new double[work + 1];
                    for (var left = 1; left <= work; left++)
                    {
                        row[left] = up[step][place]
                            ? Math.Min(nextFree[left], prices[place] + After(kept[place], rest, left))
                            : nextFree[left];
                    }

                    nextKept[place][rest] = row;
                }
            }

            (free, kept) = (nextFree, nextKept);
        }

        return free[work];

        int Whole(double points) => (int)(isRoundedUp ? Math.Ceiling(points) : Math.Floor(points));
    }

    /// <summary>Returns the cost after a point on a node: a point of its restart is over, or one of work.</summary>
    private static double After(double[][] node, int rest, int left) =>
        rest > 0 ? node[rest - 1][left] : node[0][left - 1];

    private static double[] Row(int work)
    {
        var row = new double[work + 1];
        Array.Fill(row, double.PositiveInfinity);
        row[0] = 0;
        return row;
    }
}
