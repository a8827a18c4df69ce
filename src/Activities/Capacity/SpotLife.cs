namespace Workflows.Activities.Capacity;

/// <summary>
/// The expected life of a spot node. Lives are taken as exponential, so the estimate needs their number and sum alone,
/// and a node that is alive counts with the time for which it has lived (the maximum-likelihood estimate under
/// censoring: time lived over losses). A prior stands for one loss more.
/// </summary>
/// <param name="Seconds">Expected seconds from READY to the loss, above 0.</param>
/// <param name="Losses">Remembered losses.</param>
public sealed record SpotLife(double Seconds, int Losses)
{
    /// <summary>The life of a node of which nothing is remembered: two hours, near the lower quartile of the mean
    /// lives in the nine measured zones of docs/capacity.md, which lie between 0.7 and 10 hours, since a wrong hope
    /// costs more.</summary>
    public const double Prior = 2 * 3600;

    /// <summary>Estimates a life.</summary>
    /// <param name="facts">The facts about a place.</param>
    /// <param name="alive">Seconds for which a node there is alive now.</param>
    internal static SpotLife Of(IEnumerable<CapacityFact> facts, double alive)
    {
        var lived = alive;
        var losses = 0;
        foreach (var fact in facts)
        {
            lived += fact.Kind == CapacityKind.Lost ? fact.Seconds ?? 0 : 0;
            losses += fact.Kind == CapacityKind.Lost ? 1 : 0;
        }

        return new SpotLife((Prior + lived) / (1 + losses), losses);
    }
}
