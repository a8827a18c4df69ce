using System.Globalization;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>The expected cost of a run that has its nodes at one place, by its parts (ADR 0031).</summary>
public sealed record PlaceCost
{
    /// <summary>Gets the expected cost in US dollars, by which places are ranked: the sum of the parts.</summary>
    public double ExpectedUsd => WorkUsd + LossUsd + InVainUsd + EgressUsd;

    /// <summary>Gets the expected seconds from the first request to the last translation.</summary>
    public required double ExpectedSeconds { get; init; }

    /// <summary>Gets the part for the work itself, in US dollars: price times hours.</summary>
    public required double WorkUsd { get; init; }

    /// <summary>Gets the part for losses: starts of other nodes, steps that are done again, and work that the deadline
    /// leaves to on-demand nodes.</summary>
    public required double LossUsd { get; init; }

    /// <summary>Gets the part for a search that ends without a node, after which the work is done at the next
    /// price.</summary>
    public required double InVainUsd { get; init; }

    /// <summary>Gets the part for all transfers between the run's bucket and its nodes.</summary>
    public double EgressUsd => Egress?.TotalUsd ?? 0;

    /// <summary>Gets the parts of the egress; null if nothing is counted.</summary>
    public EgressEstimate? Egress { get; init; }

    /// <summary>Gets the losses that are expected.</summary>
    public required double ExpectedLosses { get; init; }

    /// <summary>Gets the seconds for which a node is expected to live; null for a mode whose nodes are not
    /// lost.</summary>
    public required double? ExpectedLifeSeconds { get; init; }

    /// <summary>Gets the seconds that are expected from the first request to a usable node, with those of requests in
    /// vain; what a boot takes is in the estimate of the run.</summary>
    public required double ExpectedWaitSeconds { get; init; }

    /// <summary>Gets the share of requests that are expected to give a node, 0 to 1.</summary>
    public required double ExpectedShare { get; init; }

    /// <summary>Gets the chance that no request within the time of the search gives a node, 0 to 1.</summary>
    public required double InVainShare { get; init; }

    /// <summary>Gets what is remembered of the place.</summary>
    public required PlacePast Past { get; init; }

    /// <summary>Gets the reasons in words.</summary>
    public required string Words { get; init; }

    /// <summary>Puts the reasons into words.</summary>
    /// <param name="place">The place.</param>
    /// <param name="hours">Hours of the run there.</param>
    internal PlaceCost Worded(Candidate place, double hours)
    {
        var (past, invariant) = (Past, CultureInfo.InvariantCulture);
        List<string?> parts =
        [
            string.Create(
                invariant,
                $"{WireName.Of(place.Provisioning)} {place.UsdPerHour:0.00##} USD/h for {Time(hours * 3600)}: "
                + $"{Usd(WorkUsd)} USD"),
            past.Requests == 0 ? "no request is remembered"
                : $"got {past.Nodes} of {Times(past.Requests)}"
                    + (past.WaitSeconds is { } wait ? $", after {Time(wait)} on average" : ""),
            ExpectedLifeSeconds is not { } life ? null
                : past is { Losses: > 0, LifeSeconds: { } lived }
                ? $"lost nodes lived {Time(lived)} on average ({past.Losses} seen)"
                : $"no loss is remembered, a life of {Time(life)} is assumed",
            ExpectedLifeSeconds is null ? null : string.Create(
                invariant, $"{ExpectedLosses:0.0#} losses expected, +{Usd(LossUsd)} USD"),
            InVainShare < 0.005 ? null : string.Create(
                invariant, $"no node within the search in {InVainShare * 100:0} % of cases, +{Usd(InVainUsd)} USD"),
            EgressUsd > 0 ? $"egress +{Usd(EgressUsd)} USD ({EgressParts()})" : null,
        ];
        return this with { Words = string.Join("; ", parts.OfType<string>()) };
    }

    private string EgressParts() => string.Join(", ", new[]
    {
        ("model", Egress!.ModelUsd), ("corpus", Egress.CorpusUsd), ("checkpoints", Egress.CheckpointUsd),
        ("tuned model", Egress.ResultUsd),
    }.Where(part => part.Item2 > 0).Select(part => $"{part.Item1} {Usd(part.Item2)}"));

    private static string Times(int count) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} time{(count == 1 ? "" : "s")}");

    private static string Usd(double usd) =>
        usd.ToString(Math.Abs(usd) is > 0 and < 0.1 ? "0.00##" : "0.00", CultureInfo.InvariantCulture);

    private static string Time(double seconds) => string.Create(
        CultureInfo.InvariantCulture,
        $"{(seconds < 120 ? seconds : seconds < 3600 ? seconds / 60 : seconds / 3600):0.#} ")
        + (seconds < 120 ? "s" : seconds < 3600 ? "min" : "h");
}
