namespace Workflows.Translation.Metrics;

/// <summary>A system compared with a baseline on the same segments.</summary>
/// <param name="Test">The test behind <paramref name="PValue"/>.</param>
/// <param name="Baseline">The score of the baseline.</param>
/// <param name="System">The score of the system.</param>
/// <param name="PValue">
/// Chance of a difference as large as this one between systems that are equal; never 0, and meaningless alone:
/// identical outputs get the smallest value there is in a bootstrap.
/// </param>
/// <param name="IsIdentical">true if all outputs are the same.</param>
public sealed record PairedComparison(
    PairedTest Test, ResampledScore Baseline, ResampledScore System, double PValue, bool IsIdentical)
{
    /// <summary>Points of the metric that the system is above the baseline, whichever way is better.</summary>
    public double Difference => System.Score.Score - Baseline.Score.Score;

    /// <summary>Says which is better, if that can be said.</summary>
    /// <param name="significance">The largest p that counts, within 0 to 1.</param>
    /// <param name="smallestDifference">Points below which a difference does not matter.</param>
    /// <returns>The verdict; <see cref="ComparisonVerdict.Identical"/> whatever p is, when all outputs are.</returns>
    public ComparisonVerdict Verdict(double significance = 0.05, double smallestDifference = 0)
    {
        if (IsIdentical)
        {
            return ComparisonVerdict.Identical;
        }

        if (Difference == 0 || PValue > significance || Math.Abs(Difference) < smallestDifference)
        {
            return ComparisonVerdict.NoDifference;
        }

        return Difference > 0 == System.Score.IsHigherBetter ? ComparisonVerdict.Better : ComparisonVerdict.Worse;
    }
}
