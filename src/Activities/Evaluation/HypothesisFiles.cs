using Workflows.Translation;

namespace Workflows.Activities.Evaluation;

/// <summary>Paths of the translations of a run's test set.</summary>
public static class HypothesisFiles
{
    /// <summary>Names of the model before and after the fine-tuning.</summary>
    public const string Base = "base", Tuned = "tuned";

    /// <summary>The models that translate the test set, in this order.</summary>
    public static IReadOnlyList<string> Models { get; } = [Base, Tuned];

    /// <summary>One model's translations, one a line.</summary>
    /// <param name="runDirectory">The run's folder.</param>
    /// <param name="model"><see cref="Base"/> or <see cref="Tuned"/>.</param>
    /// <param name="direction">The direction.</param>
    /// <returns>The path.</returns>
    public static string PathOf(string runDirectory, string model, TranslationDirection direction) =>
        Path.Combine(runDirectory, NameOf(model, direction));

    /// <summary>The name of that file, below a run's artifacts too.</summary>
    /// <param name="model"><see cref="Base"/> or <see cref="Tuned"/>.</param>
    /// <param name="direction">The direction.</param>
    /// <returns>The name.</returns>
    public static string NameOf(string model, TranslationDirection direction) =>
        $"hypotheses.{model}.{direction.Code()}.txt";

    /// <summary>The numbers, from 1 and one a line, of the translations that the limit of tokens cut off.</summary>
    /// <param name="path">The translations' file.</param>
    /// <returns>The path, beside it.</returns>
    public static string UnfinishedOf(string path) => path + ".unfinished";
}
