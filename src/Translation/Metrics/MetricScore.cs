namespace Workflows.Translation.Metrics;

/// <summary>A score and its settings.</summary>
/// <param name="Name">"BLEU", "chrF2", "chrF2++", "TER" and so on.</param>
/// <param name="Score">0 to 100, not rounded; TER can exceed 100.</param>
/// <param name="Text">The line that sacreBLEU prints for it.</param>
/// <param name="Signature">sacreBLEU's description of the settings, with which the score can be repeated.</param>
public record MetricScore(string Name, double Score, string Text, string Signature)
{
    /// <summary>Gets a value indicating whether a larger score is better, as with all but TER.</summary>
    public virtual bool IsHigherBetter => true;
}
