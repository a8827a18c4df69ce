namespace Workflows.Activities.Evaluation;

/// <summary>Where the translations of a run's test set are.</summary>
public static class HypothesisFiles
{
    /// <summary>The models that translate it, in this order.</summary>
    public static IReadOnlyList<string> Models { get; } = ["base", "tuned"];

    /// <summary>One model's translations, one a line.</summary>
    /// <param name="runDirectory">The run's folder.</param>
    /// <param name="model">base or tuned.</param>
    /// <param name="direction">ko-en or en-ko.</param>
    /// <returns>The path.</returns>
    public static string PathOf(string runDirectory, string model, string direction) =>
        Path.Combine(runDirectory, $"hypotheses.{model}.{direction}.txt");

    /// <summary>The numbers, from 1 and one a line, of the translations that the limit of tokens cut off.</summary>
    /// <param name="path">The translations' file.</param>
    /// <returns>The path, beside it.</returns>
    public static string UnfinishedOf(string path) => path + ".unfinished";
}
