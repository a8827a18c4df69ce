using Workflows.Translation;

namespace Workflows.Activities.Evaluation;

/// <summary>Paths of the translations of a run's test set.</summary>
public static class HypothesisFiles
{
    /// <summary>Names of the model before and after the fine-tuning.</summary>
    public const string Base = "base", Tuned = "tuned";

    /// <summary>The models that translate the test set, in this order.</summary>
    public static IReadOnlyList<string> Models { get; } = [Base, Tuned];

    /// <summary>Returns the path of one model's translations, one a line.</summary>
    /// <param name="runDirectory">The run's folder.</param>
    /// <param name="model"><see cref="Base"/> or <see cref="Tuned"/>.</param>
    /// <param name="direction">The direction.</param>
    /// <returns>The path.</returns>
    public static string PathOf(string runDirectory, string model, TranslationDirection direction) =>
        Path.Combine(runDirectory, NameOf(model, direction));

    /// <summary>Returns the name of that file, which it also has among a run's artifacts.</summary>
    /// <param name="model"><see cref="Base"/> or <see cref="Tuned"/>.</param>
    /// <param name="direction">The direction.</param>
    /// <returns>The name.</returns>
    public static string NameOf(string model, TranslationDirection direction) =>
        $"hypotheses.{model}.{direction.Code()}.txt";

    /// <summary>Returns the path of the numbers, from 1 and one a line, of translations cut off by the token
    /// limit.</summary>
    /// <param name="path">The translations' file.</param>
    /// <returns>The path, beside it.</returns>
    public static string UnfinishedOf(string path) => path + ".unfinished";
}
