namespace Workflows.Translation.Metrics;

/// <summary>The verdict of a comparison of a system with a baseline.</summary>
public enum ComparisonVerdict
{
    /// <summary>Both systems gave the same outputs, so p means nothing.</summary>
    Identical,

    /// <summary>A difference, if any, may be chance or is too small to matter.</summary>
    NoDifference,

    /// <summary>The system is better than the baseline.</summary>
    Better,

    /// <summary>The system is worse than the baseline.</summary>
    Worse,
}
