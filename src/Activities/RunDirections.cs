using Workflows.Orchestrations;
using Workflows.Translation;

namespace Workflows.Activities;

/// <summary>Lists the directions of a run.</summary>
public static class RunDirections
{
    /// <summary>Lists the directions in which a run's model is trained and evaluated.</summary>
    /// <param name="spec">The run.</param>
    /// <returns>One direction, or both with Korean to English first.</returns>
    public static IReadOnlyList<TranslationDirection> Directions(this RunSpec spec) => spec.Direction switch
    {
        RunDirection.KoToEn => [TranslationDirection.KoToEn],
        RunDirection.EnToKo => [TranslationDirection.EnToKo],
        _ => TranslationDirections.Both,
    };
}
