namespace Workflows.Translation.Metrics;

/// <summary>Formats numbers as sacreBLEU does.</summary>
public static class ScoreText
{
    /// <summary>Formats a fixed number of decimals, exact ties to even.</summary>
    /// <param name="value">The number.</param>
    /// <param name="decimals">Decimals, 0 to 15.</param>
    /// <returns>The number in the invariant culture.</returns>
    public static string Fixed(double value, int decimals)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(decimals);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(decimals, 15);
        return PythonText.Fixed(value, decimals);
    }
}
