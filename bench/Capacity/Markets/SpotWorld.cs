using Workflows.Activities.Capacity;
using Workflows.GoogleCloud.TpuEmulator.Cloud;
using Workflows.Orchestrations;

namespace Workflows.Capacity.Bench.Markets;

/// <summary>A zone of the market.</summary>
/// <param name="Name">The zone.</param>
/// <param name="Trace">Its spot capacity.</param>
/// <param name="SpotUsd">Price of a spot node in US dollars an hour.</param>
/// <param name="OnDemandUsd">Price of an on-demand node in US dollars an hour.</param>
internal sealed record MarketZone(string Name, SpotTrace Trace, double SpotUsd, double OnDemandUsd)
{
    /// <summary>Gets the zone without its last letter.</summary>
    public string Region => Name[..Name.LastIndexOf('-')];
}

/// <summary>The zones in which a job may run, from one moment of their traces on.</summary>
/// <param name="Zones">The zones.</param>
/// <param name="Offset">Seconds of the traces at which the job begins.</param>
internal sealed record SpotWorld(IReadOnlyList<MarketZone> Zones, double Offset) : ISpotMarket
{
    /// <summary>The slice of all simulations.</summary>
    public const string AcceleratorType = "v5litepod-8";

    /// <summary>Time at which a job begins on the virtual clock.</summary>
    public static readonly DateTimeOffset Start = new(2026, 11, 24, 0, 0, 0, TimeSpan.Zero);

    /// <summary>
    /// Zones of the catalog for the nine traces, in the order of <see cref="TraceGenerator.Measured"/>: three prices,
    /// the lowest where capacity is rarest, as a market has it.
    /// </summary>
    private static readonly string[] Names =
    [
        "us-central1-a", "us-east1-b", "us-east1-c", "us-west1-c", "us-west4-a", "us-west4-b", "us-east5-a",
        "us-east5-b", "us-east5-c",
    ];

    /// <summary>Pairs traces with zones and prices of the built-in catalog.</summary>
    /// <param name="traces">Nine traces, or fewer.</param>
    public static IReadOnlyList<MarketZone> Priced(IReadOnlyList<SpotTrace> traces)
    {
        var catalog = PriceCatalog.Load(null);
        return [.. traces.Take(Names.Length).Select((trace, index) => new MarketZone(
            Names[index], trace,
            catalog.At(AcceleratorType, Names[index], ProvisioningMode.Spot, null).UsdPerHour,
            catalog.At(AcceleratorType, Names[index], ProvisioningMode.OnDemand, null).UsdPerHour))];
    }

    /// <summary>Returns whether a zone has spot capacity, at seconds since the job's beginning.</summary>
    public bool IsUp(MarketZone zone, double at) => zone.Trace.IsUp(Offset + at);

    /// <summary>Returns the seconds since the job's beginning at which a spot node is lost.</summary>
    public double LostAt(MarketZone zone, double at) => zone.Trace.LostAt(Offset + at) - Offset;

    /// <inheritdoc />
    public bool HasSpot(string zone, DateTimeOffset at) => IsUp(Find(zone), (at - Start).TotalSeconds);

    /// <inheritdoc />
    public DateTimeOffset? LostAt(string zone, DateTimeOffset readyAt) =>
        LostAt(Find(zone), (readyAt - Start).TotalSeconds) is var at && double.IsFinite(at)
            ? Start.AddSeconds(at) : null;

    private MarketZone Find(string zone) => Zones.First(each => each.Name == zone);
}
