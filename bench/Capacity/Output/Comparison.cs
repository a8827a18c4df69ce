using Workflows.Capacity.Bench.Markets;
using Workflows.Capacity.Bench.Policies;
using Workflows.Capacity.Bench.Product;

namespace Workflows.Capacity.Bench.Output;

/// <summary>The end of one job under one policy.</summary>
/// <param name="Zones">Zones in which the job may run.</param>
/// <param name="Slack">The deadline over the work.</param>
/// <param name="Restart">Seconds of a restart.</param>
/// <param name="Begin">Number of the beginning in the traces.</param>
/// <param name="Policy">The policy.</param>
/// <param name="Outcome">The end.</param>
/// <param name="IsMissed">true if the work was not done at the deadline.</param>
internal sealed record ComparisonRow(
    int Zones, double Slack, double Restart, int Begin, string Policy, JobOutcome Outcome, bool IsMissed);

/// <summary>A part of the comparison; empty lists take everything.</summary>
/// <param name="Begins">Beginnings for each setting, spread over the traces.</param>
/// <param name="Zones">Numbers of zones.</param>
/// <param name="Slacks">Deadlines over the work.</param>
/// <param name="Restarts">Seconds of a restart.</param>
/// <param name="Policies">Names of policies.</param>
internal sealed record ComparisonPart(
    int Begins, IReadOnlyList<double> Zones, IReadOnlyList<double> Slacks, IReadOnlyList<double> Restarts,
    IReadOnlyList<string> Policies)
{
    /// <summary>Gets the seconds before a preemption at which a node is told; 0 for never.</summary>
    public double Notice { get; init; } = 30;

    /// <summary>Returns whether a value is wanted.</summary>
    public static bool Has<T>(IReadOnlyList<T> wanted, T value) => wanted.Count == 0 || wanted.Contains(value);
}

/// <summary>Runs every policy over the same jobs.</summary>
internal static class Comparison
{
    /// <summary>Names of the policies, in the order of tables and plots.</summary>
    public const string Ours = "this product", Optimal = "optimum", Paying = "optimum with full restarts",
        OnDemand = "on-demand only",
        Uniform = "Uniform Progress", GreedyName = "Greedy", Failover = "SkyPilot FAILOVER",
        Eager = "SkyPilot EAGER_NEXT_REGION", Cheapest = "cheapest first for ever", First = "first zone only";

    /// <summary>Seconds of work of every job.</summary>
    public const double Work = 12 * 3600;

    /// <summary>Deadlines over the work.</summary>
    public static IReadOnlyList<double> Slacks { get; } = [1.1, 1.25, 1.5, 2, 3];

    /// <summary>Seconds of a restart.</summary>
    public static IReadOnlyList<double> Restarts { get; } = [60, 300, 900];

    /// <summary>The policies.</summary>
    public static IReadOnlyList<string> Policies { get; } =
        [Ours, Optimal, Paying, Uniform, GreedyName, OnDemand, Eager, Failover, Cheapest, First];

    /// <summary>Sets of zones, by their places in the market: one, one of each region, and all.</summary>
    public static IReadOnlyList<IReadOnlyList<int>> Sets { get; } = [[4], [1, 4, 6], [0, 1, 2, 3, 4, 5, 6, 7, 8]];

    /// <summary>Runs all jobs of a part.</summary>
    /// <param name="zones">Nine zones.</param>
    /// <param name="part">The part.</param>
    public static async Task<IReadOnlyList<ComparisonRow>> RunAsync(
        IReadOnlyList<MarketZone> zones, ComparisonPart part)
    {
        var rows = new List<ComparisonRow>();
        var works = from set in Sets
                    where ComparisonPart.Has(part.Zones, set.Count)
                    from restart in Restarts
                    where ComparisonPart.Has(part.Restarts, restart)
                    from begin in Enumerable.Range(0, part.Begins)
                    select (Set: set, Restart: restart, Begin: begin);
        await Parallel.ForEachAsync(works, async (work, _) =>
        {
            var done = await RunAsync(zones, work.Set, work.Restart, work.Begin, part);
            lock (rows)
            {
                rows.AddRange(done);
            }
        });
        return [.. rows.OrderBy(row => row.Zones).ThenBy(row => row.Slack).ThenBy(row => row.Restart)
            .ThenBy(row => row.Begin).ThenBy(row => Policies.ToList().IndexOf(row.Policy))];
    }

    private static async Task<IReadOnlyList<ComparisonRow>> RunAsync(
        IReadOnlyList<MarketZone> zones, IReadOnlyList<int> set, double restart, int begin, ComparisonPart part)
    {
        var trace = zones[0].Trace;
        var begins = part.Begins;
        var point = (long)(begin + 0.5) * trace.Points.Count / begins + (trace.Points.Count / (2 * begins));
        var world = new SpotWorld([.. set.Select(index => zones[index])], point * trace.GapSeconds);

        // Policies without a deadline do the same for each.
        var patient = new SpotJob(Work, Slacks[^1] * Work, restart) { Notice = part.Notice };
        var without = new Dictionary<string, JobOutcome>(StringComparer.Ordinal);
        var rows = new List<ComparisonRow>();
        foreach (var slack in Slacks.Where(each => ComparisonPart.Has(part.Slacks, each)))
        {
            var job = new SpotJob(Work, slack * Work, restart) { Notice = part.Notice };
            foreach (var policy in Policies.Where(each => ComparisonPart.Has(part.Policies, each)))
            {
                var isAlike = policy is OnDemand or Eager or Failover or Cheapest or First;
                if (!isAlike || !without.TryGetValue(policy, out var outcome))
                {
                    outcome = await RunAsync(world, isAlike ? patient : job, policy);
                    without[policy] = outcome;
                }

                rows.Add(new ComparisonRow(
                    set.Count, slack, restart, begin, policy, outcome, outcome.Seconds > job.Deadline));
            }
        }

        return rows;
    }

    private static async Task<JobOutcome> RunAsync(SpotWorld world, SpotJob job, string policy) => policy switch
    {
        Ours => await ProductRun.RunAsync(world, job, ProductRequest.Deadline),
        Cheapest => await ProductRun.RunAsync(world, job, ProductRequest.CheapestSpot),
        First => await ProductRun.RunAsync(world, job, ProductRequest.FirstZone),
        Optimal => new JobOutcome(Optimum.LeastUsd(world, job), 0, 0, 0),
        Paying => new JobOutcome(Optimum.LeastUsd(world, job, isRoundedUp: true), 0, 0, 0),
        Uniform => PolicyRun.Run(world, job, new UniformProgress()),
        GreedyName => PolicyRun.Run(world, job, new Greedy()),
        OnDemand => PolicyRun.Run(world, job, new OnDemandOnly()),
        Eager => PolicyRun.Run(world, job, new SkyPilot(isEager: true)),
        _ => PolicyRun.Run(world, job, new SkyPilot(isEager: false)),
    };
}
