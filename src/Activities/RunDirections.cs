using Workflows.Orchestrations;
using Workflows.Translation;

namespace Workflows.Activities;

/// <summary>The directions of a run, one by one.</summary>
public static class RunDirections
{
    /// <summary>Lists the directions that a run's model learns and is judged in.</summary>
    /// <param name="spec">The run.</param>
    /// <returns>One direction, or both with Korean to English first.</returns>
    public static IReadOnlyList<TranslationDirection> Directions(this RunSpec spec) => spec.Direction switch
    {
        RunDirection.KoToEn => [TranslationDirection.KoToEn],
        RunDirection.EnToKo => [TranslationDirection.EnToKo],
        _ => TranslationDirections.Both,
    };
}
