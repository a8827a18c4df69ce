namespace Workflows.Translation.Metrics;

/// <summary>A system compared with a baseline on the same segments.</summary>
/// <param name="Test">The test behind <paramref name="PValue"/>.</param>
/// <param name="Baseline">The score of the baseline.</param>
/// <param name="System">The score of the system.</param>
/// <param name="PValue">
/// Probability of a difference as large as this one between equal systems; never 0, and not meaningful by itself, since
/// identical outputs get the smallest possible value in a bootstrap.
/// </param>
/// <param name="IsIdentical">true if all outputs are the same.</param>
public sealed record PairedComparison(
    PairedTest Test, ResampledScore Baseline, ResampledScore System, double PValue, bool IsIdentical)
{
    /// <summary>The system's score minus the baseline's, in points, whichever direction is better.</summary>
    public double Difference => System.Score.Score - Baseline.Score.Score;

    /// <summary>Decides which system is better, if the test can decide it.</summary>
    /// <param name="significance">The largest significant p, within 0 to 1.</param>
    /// <param name="smallestDifference">The smallest difference in points that matters.</param>
    /// <returns>The verdict; <see cref="ComparisonVerdict.Identical"/> for any p if all outputs are.</returns>
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
