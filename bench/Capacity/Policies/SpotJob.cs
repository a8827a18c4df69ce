namespace Workflows.Capacity.Bench.Policies;

/// <summary>A job of the simulation. Times are in seconds.</summary>
/// <param name="Work">Work on a node.</param>
/// <param name="Deadline">Time from the beginning to the deadline.</param>
/// <param name="Restart">From a READY node, which costs, until it works.</param>
internal sealed record SpotJob(double Work, double Deadline, double Restart)
{
    /// <summary>Seconds of work between two checkpoints.</summary>
    public const double Checkpoint = 600;

    /// <summary>Seconds between two looks.</summary>
    public const double Poll = 60;

    /// <summary>Seconds from the request until a node is READY, or refused; they cost nothing.</summary>
    public const double Create = 60;

    /// <summary>Gets the seconds before a preemption at which a worker is told, and saves its work; 0 if it is not
    /// told.</summary>
    public double Notice { get; init; } = 30;

    /// <summary>Gets the most work that a preemption costs.</summary>
    public double MostLost => Notice > 0 ? Notice : Checkpoint;

    /// <summary>Time after which a policy that does not finish is stopped.</summary>
    public double Limit => Math.Max(Deadline, Work) * 5;
}

/// <summary>The end of a simulated job.</summary>
/// <param name="Usd">Cost in US dollars.</param>
/// <param name="Seconds">Time until the work was done; infinite if it never was.</param>
/// <param name="Nodes">Nodes that were READY.</param>
/// <param name="Leaks">Nodes that exist after the end.</param>
internal sealed record JobOutcome(double Usd, double Seconds, int Nodes, int Leaks)
{
    /// <summary>Gets the nodes' times; empty for a bound.</summary>
    public JobTimes Times { get; init; }
}

/// <summary>Where the money of a job went, in seconds of its nodes.</summary>
/// <param name="Spot">Time of spot nodes.</param>
/// <param name="SpotUsd">Their cost in US dollars.</param>
/// <param name="OnDemand">Time of on-demand nodes.</param>
/// <param name="Double">Time in which two nodes cost.</param>
internal readonly record struct JobTimes(double Spot, double SpotUsd, double OnDemand, double Double)
{
    /// <summary>Adds the time of a node.</summary>
    public JobTimes And(bool isSpot, double seconds, double usd) => isSpot
        ? this with { Spot = Spot + seconds, SpotUsd = SpotUsd + usd }
        : this with { OnDemand = OnDemand + seconds };
}
