namespace Workflows.Translation.Metrics;

/// <summary>Verdicts on a system compared with a baseline.</summary>
public enum ComparisonVerdict
{
    /// <summary>Both systems gave the same outputs, so p has no meaning.</summary>
    Identical,

    /// <summary>The difference, if any, may be chance or is too small to matter.</summary>
    NoDifference,

    /// <summary>The system is better than the baseline.</summary>
    Better,

    /// <summary>The system is worse than the baseline.</summary>
    Worse,
}
