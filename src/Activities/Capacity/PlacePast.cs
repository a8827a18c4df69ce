namespace Workflows.Activities.Capacity;

/// <summary>What is remembered of a place, added up.</summary>
/// <param name="Nodes">Requests that gave a usable node.</param>
/// <param name="InVain">Requests that gave none.</param>
/// <param name="WaitSeconds">Mean seconds from a request to its usable node; null without one.</param>
/// <param name="InVainSeconds">Mean seconds of a request in vain; null without one.</param>
/// <param name="Losses">Nodes that were lost.</param>
/// <param name="LifeSeconds">Mean seconds for which they were READY; null without one.</param>
public sealed record PlacePast(
    int Nodes, int InVain, double? WaitSeconds, double? InVainSeconds, int Losses, double? LifeSeconds)
{
    /// <summary>A place of which nothing is remembered.</summary>
    internal static readonly PlacePast Unknown = new(0, 0, null, null, 0, null);

    /// <summary>Gets the requests that are remembered.</summary>
    internal int Requests => Nodes + InVain;

    /// <summary>Adds up facts about a place.</summary>
    internal static PlacePast Of(IReadOnlyList<CapacityFact> facts)
    {
        var (ready, vain, lost) = (Of(CapacityKind.Ready), Of(CapacityKind.InVain), Of(CapacityKind.Lost));
        return new PlacePast(ready.Count, vain.Count, Mean(ready), Mean(vain), lost.Count, Mean(lost));

        List<double> Of(CapacityKind kind) =>
            [.. facts.Where(fact => fact.Kind == kind).Select(fact => fact.Seconds ?? 0)];
    }

    private static double? Mean(List<double> seconds) => seconds.Count == 0 ? null : seconds.Average();
}
