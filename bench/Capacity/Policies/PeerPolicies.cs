using Workflows.Capacity.Bench.Markets;

namespace Workflows.Capacity.Bench.Policies;

/// <summary>Only on-demand nodes, in the cheapest zone.</summary>
internal sealed class OnDemandOnly : IPolicy
{
    /// <inheritdoc />
    public Choice Decide(PolicyView view) => new(view.CheapestOnDemand, IsSpot: false);
}

/// <summary>
/// Greedy of "Can't Be Late" (Wu et al., NSDI'24): spot whenever there is some, nothing otherwise, and on demand to the
/// end once the time left is that of the work and two restarts. A working spot node is kept until one restart is left.
/// The paper loses no work in a preemption; here the most that one costs is held back, too.
/// </summary>
internal class Greedy : IPolicy
{
    private bool _isOver;

    /// <inheritdoc />
    public Choice Decide(PolicyView view)
    {
        var restart = RestartOf(view.Job);
        var restarts = view.Node is { IsSpot: true } ? 1 : 2;
        _isOver = _isOver || view.Job.Deadline - view.Now
            <= view.Job.Work - view.Done + restarts * restart + view.Job.MostLost + SpotJob.Poll;
        return _isOver
            ? view.Node is { IsSpot: false } node ? new Choice(node.Zone, false)
                : new Choice(view.CheapestOnDemand, IsSpot: false)
            : view.Node is { IsSpot: true } spot ? new Choice(spot.Zone, IsSpot: true)
            : DecideWithoutSpot(view, restart);
    }

    /// <summary>Returns the time from a request to the first work.</summary>
    protected static double RestartOf(SpotJob job) => job.Restart + SpotJob.Create;

    /// <summary>Decides while no spot node works and there is time to spare.</summary>
    protected virtual Choice DecideWithoutSpot(PolicyView view, double restart) =>
        view.CheapestUp is { } zone ? new Choice(zone, IsSpot: true) : Choice.Idle;
}

/// <summary>
/// Uniform Progress of the same paper: keeps pace with the line from nothing at the beginning to all work at the
/// deadline. Behind it and without spot it takes an on-demand node, and keeps it until the progress is two restarts
/// ahead and there is spot.
/// </summary>
internal sealed class UniformProgress : Greedy
{
    /// <inheritdoc />
    protected override Choice DecideWithoutSpot(PolicyView view, double restart)
    {
        var isAhead = view.Done >= (view.Now + 2 * restart) / view.Job.Deadline * view.Job.Work;
        var isBehind = view.Done < view.Now / view.Job.Deadline * view.Job.Work;
        return (view.Node, view.CheapestUp) switch
        {
            ({ } onDemand, var up) when !isAhead || up is null => new Choice(onDemand.Zone, IsSpot: false),
            (_, { } up) => new Choice(up, IsSpot: true),
            (null, null) when isBehind => new Choice(view.CheapestOnDemand, IsSpot: false),
            _ => Choice.Idle,
        };
    }
}

/// <summary>
/// The two strategies of SkyPilot's managed jobs, after its sky/jobs/recovery_strategy.py: spot for ever, without a
/// deadline. FAILOVER asks three times in the region of the loss, then everywhere. EAGER_NEXT_REGION asks everywhere
/// else once, then everywhere. Zones are asked cheapest first, and the pause between two rounds grows from 60 to 300
/// seconds.
/// </summary>
/// <param name="isEager">true for EAGER_NEXT_REGION.</param>
internal sealed class SkyPilot(bool isEager) : IPolicy
{
    private const double FirstPause = 60, Growth = 1.6, LongestPause = 300;

    private readonly Queue<MarketZone> _round = new();
    private string? _lostIn;
    private int _rounds;
    private double _pausedUntil;

    /// <inheritdoc />
    public Choice Decide(PolicyView view)
    {
        if (view.Node is { } node)
        {
            (_rounds, _pausedUntil) = (0, 0);
            _round.Clear();
            return new Choice(node.Zone, IsSpot: true);
        }

        if (view.Lost is { } lost)
        {
            (_lostIn, _rounds, _pausedUntil) = (lost.Region, 0, 0);
            _round.Clear();
        }

        if (view.Now < _pausedUntil)
        {
            return Choice.Idle;
        }

        if (_round.Count == 0)
        {
            foreach (var zone in ZonesOfRound(view).OrderBy(zone => zone.SpotUsd))
            {
                _round.Enqueue(zone);
            }

            _rounds++;
        }

        var next = _round.Dequeue();
        if (_round.Count == 0)
        {
            _pausedUntil = view.Now + SpotJob.Create
                + Math.Min(LongestPause, FirstPause * Math.Pow(Growth, _rounds - 1));
        }

        return new Choice(next, IsSpot: true);
    }

    private IEnumerable<MarketZone> ZonesOfRound(PolicyView view)
    {
        var zones = (_lostIn, isEager) switch
        {
            (null, _) => view.World.Zones,
            (_, true) when _rounds == 0 => view.World.Zones.Where(zone => zone.Region != _lostIn),
            (_, false) when _rounds < 3 => view.World.Zones.Where(zone => zone.Region == _lostIn),
            _ => view.World.Zones,
        };
        return zones.Any() ? zones : view.World.Zones;
    }
}
