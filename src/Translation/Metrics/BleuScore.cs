namespace Workflows.Translation.Metrics;

/// <summary>A BLEU score with its parts.</summary>
/// <param name="Score">0 to 100, not rounded.</param>
/// <param name="Text">The line that sacreBLEU prints for it.</param>
/// <param name="Signature">sacreBLEU's description of the settings.</param>
/// <param name="Counts">Matched n-grams by order; with add-k smoothing, including the added constant.</param>
/// <param name="Totals">N-grams of the output by order.</param>
/// <param name="Precisions">Percent by order.</param>
/// <param name="BrevityPenalty">1 if the output is not shorter than the reference.</param>
/// <param name="HypothesisLength">Words of the output.</param>
/// <param name="ReferenceLength">Words of the closest references.</param>
public sealed record BleuScore(
    double Score,
    string Text,
    string Signature,
    IReadOnlyList<double> Counts,
    IReadOnlyList<double> Totals,
    IReadOnlyList<double> Precisions,
    double BrevityPenalty,
    long HypothesisLength,
    long ReferenceLength) : MetricScore("BLEU", Score, Text, Signature);
