using Workflows.Orchestrations;

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
    /// <summary>Gets the requests that are remembered.</summary>
    public int Requests => Nodes + InVain;

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

/// <summary>What was remembered of the places of a project at one moment.</summary>
/// <param name="project">The project.</param>
/// <param name="facts">Its facts.</param>
internal sealed class PlacePasts(
    string project, IReadOnlyDictionary<CapacityKey, IReadOnlyList<CapacityFact>> facts)
{
    private readonly Dictionary<(string Type, string Mode), PlacePast> _types = [];

    /// <summary>Adds up what is remembered of a place.</summary>
    /// <param name="place">The place.</param>
    /// <returns>The sums; all 0 of an unknown place.</returns>
    public PlacePast Of(Candidate place) => PlacePast.Of(FactsOf(place));

    /// <summary>Adds up what is remembered of a place's type and mode in all zones.</summary>
    /// <param name="place">A place.</param>
    /// <returns>The sums.</returns>
    public PlacePast OfType(Candidate place)
    {
        var (type, mode) = (place.AcceleratorType, WireName.Of(place.Provisioning));
        if (!_types.TryGetValue((type, mode), out var past))
        {
            _types[(type, mode)] = past = PlacePast.Of([.. facts
                .Where(each => each.Key.AcceleratorType == type && each.Key.Provisioning == mode)
                .SelectMany(each => each.Value)]);
        }

        return past;
    }

    /// <summary>Returns the expected life of a spot node, as the moves of a run take it.</summary>
    /// <param name="place">The place.</param>
    /// <returns>Its life.</returns>
    public SpotLife LifeOf(Candidate place) => SpotLife.Of(FactsOf(place), alive: 0);

    private IReadOnlyList<CapacityFact> FactsOf(Candidate place) => facts.GetValueOrDefault(
        new CapacityKey(project, place.Zone, place.AcceleratorType, WireName.Of(place.Provisioning))) ?? [];
}
