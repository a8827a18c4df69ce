using System.Text.Json.Serialization;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Translation;

namespace Workflows.Activities.Variants;

/// <summary>The comparison of a group's variants. Times are in seconds, money in US dollars, losses in nats.</summary>
public sealed record VariantComparison
{
    /// <summary>Gets the group's id.</summary>
    public required RunId RunId { get; init; }

    /// <summary>Gets its name for people.</summary>
    public required string Name { get; init; }

    /// <summary>Gets the group's status; running for a draft.</summary>
    public required RunStatus Status { get; init; }

    /// <summary>Gets a value indicating whether the cloud was the emulator.</summary>
    public bool IsRehearsal { get; init; }

    /// <summary>Gets a value indicating whether variants are still under way.</summary>
    public bool IsDraft { get; init; }

    /// <summary>Gets the reason why the group did not succeed; null for none.</summary>
    public RunFailure? Failure { get; init; }

    /// <summary>Gets the command that resumes the group; null for a draft, and if each variant has its
    /// verdict.</summary>
    public string? Resume { get; init; }

    /// <summary>Gets the best variant by the validation set, one for each direction of the variants; empty if none has
    /// a score.</summary>
    public required IReadOnlyList<BestVariant> Best { get; init; }

    /// <summary>Gets the variants in the order of the request.</summary>
    public required IReadOnlyList<VariantRow> Variants { get; init; }

    /// <summary>Gets the budget of all variants together.</summary>
    public required double BudgetUsd { get; init; }

    /// <summary>Gets the cost of all variants together.</summary>
    public required double ActualUsd { get; init; }

    /// <summary>Gets the egress of all variants together, which is computed and not in their cost; null if no bytes are
    /// known.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public EgressCost? Egress { get; init; }

    /// <summary>Gets notes on the comparison, one sentence each.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>Gets the same notes in Korean; null in comparisons of earlier versions.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? KoreanNotes { get; init; }

    /// <summary>Gets the path of this comparison as JSON.</summary>
    public required string Report { get; init; }

    /// <summary>Gets the path of the comparison as a page.</summary>
    public required string Page { get; init; }
}

/// <summary>The best variant of those with the same direction.</summary>
/// <param name="Direction">Their direction.</param>
/// <param name="Variant">Its name.</param>
/// <param name="RunId">Its run.</param>
/// <param name="Metric"><c>loss</c> or <c>chrf</c>.</param>
/// <param name="Score">Its validation score.</param>
/// <param name="Of">Variants of this direction that have a score.</param>
public sealed record BestVariant(
    RunDirection Direction, string Variant, RunId RunId, string Metric, double Score, int Of)
{
    /// <summary>Gets the choice as one sentence.</summary>
    public string Summary => ComparisonWording.Of(this);
}

/// <summary>One variant.</summary>
/// <param name="Name">Its name within the group.</param>
/// <param name="RunId">Its run.</param>
/// <param name="Status">Its status; pending if it has not begun.</param>
/// <param name="Changes">The fields that it changes, such as <c>training.learningRate</c>, with their values.</param>
/// <param name="Usd">Its cost until now.</param>
public sealed record VariantRow(
    string Name, RunId RunId, RunStatus Status, IReadOnlyDictionary<string, string> Changes, double Usd)
{
    /// <summary>Gets the directions in which it is trained and evaluated.</summary>
    public required RunDirection Direction { get; init; }

    /// <summary>Gets a value indicating whether it is the best of its direction by the validation set.</summary>
    public bool IsBest { get; init; }

    /// <summary>Gets the metric of the validation, <c>loss</c> or <c>chrf</c>; null without a score.</summary>
    public string? Metric { get; init; }

    /// <summary>Gets the validation score of the weights that became the tuned model; null without one.</summary>
    public double? Score { get; init; }

    /// <summary>Gets the step of these weights; null without a training.</summary>
    public int? Step { get; init; }

    /// <summary>Gets the optimizer steps that were trained; null without a training.</summary>
    public int? Steps { get; init; }

    /// <summary>Gets the hours for which some TPU cost money; null before the variant has a report.</summary>
    public double? Hours { get; init; }

    /// <summary>Gets the reason why it did not succeed; null for none.</summary>
    public RunFailure? Failure { get; init; }

    /// <summary>Gets the scores of the test set beside the base model, which do not choose the best.</summary>
    public IReadOnlyList<TestScore> Test { get; init; } = [];

    /// <summary>Gets the variant from which it got its node; null if it rented its own.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public RunId? NodeFrom { get; init; }

    /// <summary>Gets the nodes that are not proved gone.</summary>
    public int NodesLeft { get; init; }

    /// <summary>Gets the tuned model: a path or an address; null if there is none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Checkpoint { get; init; }
}

/// <summary>The scores of a variant on the test set, in one direction.</summary>
/// <param name="Direction">The direction.</param>
/// <param name="Outcome">Outcome of the comparison with the base model.</param>
/// <param name="BaseBleu">BLEU of the base model.</param>
/// <param name="TunedBleu">BLEU of the tuned model.</param>
/// <param name="BaseChrf">chrF++ of the base model.</param>
/// <param name="TunedChrf">chrF++ of the tuned model.</param>
/// <param name="PValue">p-value of the paired bootstrap against the base; null where it decided nothing.</param>
/// <param name="Pairs">Sentences translated.</param>
public sealed record TestScore(
    TranslationDirection Direction, VerdictOutcome Outcome, double BaseBleu, double TunedBleu, double BaseChrf,
    double TunedChrf, double? PValue, int Pairs);
