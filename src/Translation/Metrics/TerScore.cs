namespace Workflows.Translation.Metrics;

/// <summary>A translation edit rate with its parts; lower is better.</summary>
/// <param name="Score">Edits for each hundred words of reference, not rounded; it can exceed 100.</param>
/// <param name="Text">The line that sacreBLEU prints for it.</param>
/// <param name="Signature">sacreBLEU's description of the settings.</param>
/// <param name="Edits">Words inserted, deleted and replaced, and blocks moved.</param>
/// <param name="ReferenceLength">Words of the references; with several of them, their mean.</param>
public sealed record TerScore(
    double Score, string Text, string Signature, long Edits, double ReferenceLength)
    : MetricScore("TER", Score, Text, Signature)
{
    /// <inheritdoc />
    public override bool IsHigherBetter => false;
}
