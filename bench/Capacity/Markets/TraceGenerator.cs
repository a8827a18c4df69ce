namespace Workflows.Capacity.Bench.Markets;

/// <summary>The statistics of a zone.</summary>
/// <param name="Region">Zones of one region rise and fall together.</param>
/// <param name="Share">Share of the time with capacity, 0 to 1.</param>
/// <param name="MeanUp">Mean length of a time with capacity, in points of
/// <see cref="TraceGenerator.GapSeconds"/>.</param>
internal sealed record ZoneStatistics(string Region, double Share, double MeanUp);

/// <summary>
/// Generates traces with the statistics of measured ones: a zone has capacity while a Gaussian process, which is the
/// sum of a part of all zones, one of its region and one of its own, is below a threshold. The threshold gives the
/// share; the correlation of neighbouring points gives the mean length of a run (the rate at which such a process
/// crosses a level, Rice 1944, for an autoregressive one: density(level) * sqrt((1 - a) / pi) a point); the parts in
/// common give the correlation of zones.
/// </summary>
internal static class TraceGenerator
{
    /// <summary>Seconds between two points, as in the measured traces.</summary>
    public const double GapSeconds = 195;

    /// <summary>
    /// Shares of the variance that all zones, and the zones of a region, have in common: fitted to the correlations of
    /// the measured traces, 0.03 to 0.27 between regions (mean 0.13) and 0.25 to 0.59 within one (mean 0.44).
    /// </summary>
    private const double OfAll = 0.2, OfRegion = 0.45;

    /// <summary>Points over which the parts in common are correlated: about half a day; chosen.</summary>
    private const double CommonPoints = 220;

    /// <summary>
    /// The nine zones (V100, one node, 45 days from 2023-02-15) published with "Can't Be Late" (Wu et al., NSDI'24;
    /// github.com/skypilot-org/spot-traces), measured here: regions us-east-1 (four zones), us-east-2 and us-west-2.
    /// </summary>
    public static IReadOnlyList<ZoneStatistics> Measured { get; } =
    [
        new("east-1", 0.167, 13.3), new("east-1", 0.467, 27.3), new("east-1", 0.447, 30.7),
        new("east-1", 0.591, 41.7), new("east-2", 0.759, 104.8), new("east-2", 0.682, 78.6),
        new("west-2", 0.883, 112.0), new("west-2", 0.905, 192.0), new("west-2", 0.891, 125.6),
    ];

    /// <summary>Generates a trace for each zone.</summary>
    /// <param name="zones">The zones.</param>
    /// <param name="days">Length, above 0.</param>
    /// <param name="seed">The same seed gives the same traces.</param>
    /// <returns>The traces, named 0, 1, ...</returns>
    public static IReadOnlyList<SpotTrace> Generate(IReadOnlyList<ZoneStatistics> zones, double days, int seed)
    {
        var random = new Random(seed);
        var count = (int)(days * 86400 / GapSeconds);
        var common = Process(random, count, Math.Exp(-1 / CommonPoints));
        var regions = zones.Select(zone => zone.Region).Distinct(StringComparer.Ordinal).ToDictionary(
            region => region, _ => Process(random, count, Math.Exp(-1 / CommonPoints)), StringComparer.Ordinal);
        return [.. zones.Select((zone, index) => new SpotTrace(
            $"{index}", GapSeconds, Points(random, zone, common, regions[zone.Region])))];
    }

    private static bool[] Points(Random random, ZoneStatistics zone, double[] common, double[] region)
    {
        var threshold = Quantile(zone.Share);
        var rate = zone.Share / zone.MeanUp / Density(threshold);
        var decay = Math.PI * rate * rate;

        // What the parts in common do not change from point to point, the zone's own part must.
        var ofOwn = 1 - OfAll - OfRegion;
        var ownDecay = Math.Clamp((decay - (OfAll + OfRegion) / CommonPoints) / ofOwn, 1e-4, 1);
        var own = Process(random, common.Length, 1 - ownDecay);
        var points = new bool[common.Length];
        for (var at = 0; at < points.Length; at++)
        {
            points[at] = Math.Sqrt(OfAll) * common[at] + Math.Sqrt(OfRegion) * region[at]
                + Math.Sqrt(ofOwn) * own[at] < threshold;
        }

        return points;
    }

    /// <summary>Returns an autoregressive process of variance 1.</summary>
    private static double[] Process(Random random, int count, double correlation)
    {
        var values = new double[count];
        var value = Gaussian(random);
        for (var at = 0; at < count; at++)
        {
            values[at] = value;
            value = correlation * value + Math.Sqrt(1 - correlation * correlation) * Gaussian(random);
        }

        return values;
    }

    private static double Gaussian(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private static double Density(double at) => Math.Exp(-at * at / 2) / Math.Sqrt(2 * Math.PI);

    /// <summary>Returns the level below which a Gaussian number lies with a probability, by bisection.</summary>
    private static double Quantile(double share)
    {
        double low = -8, high = 8;
        for (var step = 0; step < 60; step++)
        {
            var middle = (low + high) / 2;
            (low, high) = Distribution(middle) < share ? (middle, high) : (low, middle);
        }

        return low;
    }

    /// <summary>The normal distribution, by the series of Marsaglia (2004).</summary>
    private static double Distribution(double at)
    {
        double sum = at, term = at, last = 0;
        for (var n = 3; sum != last && n < 400; n += 2)
        {
            last = sum;
            term *= at * at / n;
            sum += term;
        }

        return 0.5 + sum * Density(at);
    }
}
