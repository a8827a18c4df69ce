using System.Globalization;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// Measures a training on texts that it does not train on, which decides when it stops and which weights are kept.
/// </summary>
public sealed class TrainingValidation
{
    private TrainingValidation(
        string metric, IReadOnlyList<TrainingExample>? examples,
        Func<IMeasuredModel, CancellationToken, double>? score, string identity)
    {
        (Metric, Examples, Score, Identity) = (metric, examples, score, identity);
    }

    /// <summary>The name of the measurement, for people: "loss", or the name of a score.</summary>
    public string Metric { get; }

    /// <summary>Steps from one measurement to the next; there is one after the last step as well.</summary>
    /// <value>1 or more.</value>
    public int EverySteps { get; private init; }

    /// <summary>Measurements in a row without a better one after which the training stops.</summary>
    /// <value>1 or more; null for never.</value>
    public int? Patience { get; private init; }

    /// <summary>
    /// Gets a value indicating whether the result is the weights of the best measurement rather than the last ones.
    /// Their checkpoint is kept besides the newest ones.
    /// </summary>
    /// <value>Default true.</value>
    public bool KeepsBest { get; private init; }

    internal IReadOnlyList<TrainingExample>? Examples { get; }

    internal Func<IMeasuredModel, CancellationToken, double>? Score { get; }

    /// <summary>Everything that decides the measurements, for the training's fingerprint.</summary>
    internal string Identity { get; }

    internal string Settings => string.Create(
        CultureInfo.InvariantCulture, $"{Metric} {EverySteps} {Patience} {KeepsBest} {Identity}");

    /// <summary>Creates a validation by the mean loss, in nats, of the examples' answer tokens: lower is
    /// better.</summary>
    /// <param name="examples">The validation examples; not copied, so they must not change.</param>
    /// <param name="everySteps">See <see cref="EverySteps"/>.</param>
    /// <param name="patience">See <see cref="Patience"/>.</param>
    /// <param name="keepsBest">See <see cref="KeepsBest"/>.</param>
    /// <returns>The validation.</returns>
    public static TrainingValidation OfLoss(
        IReadOnlyList<TrainingExample> examples, int everySteps = 100, int? patience = null,
        bool keepsBest = true) => new("loss", examples, null, TrainingFingerprint.Of(examples))
        {
            EverySteps = everySteps,
            Patience = patience,
            KeepsBest = keepsBest,
        };

    /// <summary>Creates a validation by a score, such as the chrF of translations: higher is better.</summary>
    /// <param name="metric">Its name.</param>
    /// <param name="identity">Identifies the validation data, in any form that changes when the data does.</param>
    /// <param name="score">
    /// Measures a model, which is only valid during the call; must return the same score for the same weights.
    /// </param>
    /// <param name="everySteps">See <see cref="EverySteps"/>.</param>
    /// <param name="patience">See <see cref="Patience"/>.</param>
    /// <param name="keepsBest">See <see cref="KeepsBest"/>.</param>
    /// <returns>The validation.</returns>
    public static TrainingValidation OfScore(
        string metric, string identity, Func<IMeasuredModel, CancellationToken, double> score, int everySteps = 100,
        int? patience = null, bool keepsBest = true) => new(metric, null, score, identity)
        {
            EverySteps = everySteps,
            Patience = patience,
            KeepsBest = keepsBest,
        };

    internal bool IsBetter(double score, double best) => Examples is null ? score > best : score < best;

    internal void Validate(Gemma3Config config)
    {
        if (EverySteps < 1 || Patience < 1)
        {
            throw new ModelInputException(
                "validation", $"is every {EverySteps} steps with patience {Patience}, wanted 1 or more of both");
        }

        if (Examples is not null)
        {
            TrainingExample.RequireUsable(config, Examples, "validation example");
            if (Examples.Count == 0)
            {
                throw new ModelInputException("validation", "has no examples");
            }
        }
    }
}
