using Workflows.Translation;

namespace Workflows.Activities.Reporting;

/// <summary>The verdict on one direction.</summary>
/// <param name="Direction">The direction.</param>
/// <param name="Finer">true if the tuned model is significantly better: BLEU is higher and p &lt; 0.05.</param>
/// <param name="BleuDelta">Tuned minus base, in BLEU points.</param>
/// <param name="PValue">
/// p-value of the paired bootstrap with BLEU, 0 to 1; null where it decided nothing: for identical outputs, and if a
/// model gave one output for every sentence, unless the tuned one is significantly worse.
/// </param>
/// <param name="UsdPerBleuPoint">Cost of one BLEU point; null without a gain.</param>
/// <param name="TestPairs">Sentences translated.</param>
/// <param name="Base">Scores of the base model.</param>
/// <param name="Tuned">Scores of the tuned model.</param>
/// <param name="Examples">Sentences side by side.</param>
public sealed record VerdictSection(
    TranslationDirection Direction, bool Finer, double BleuDelta, double? PValue, double? UsdPerBleuPoint,
    int TestPairs, SystemScore Base, SystemScore Tuned, IReadOnlyList<ExampleRow> Examples)
{
    /// <summary>Outcome of the comparison.</summary>
    public VerdictOutcome Outcome { get; init; } =
        Finer ? VerdictOutcome.Finer : VerdictOutcome.NoSignificantDifference;

    /// <summary>The verdict as one sentence, the same in the report, on its page and on the command line.</summary>
    public string Summary => VerdictWording.Of(this);

    /// <summary>Notes on the test and on outputs that are no translations, since a score alone can hide them.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Tuned minus base, in points of chrF++.</summary>
    public double ChrfDelta => Tuned.Chrf - Base.Chrf;
}
