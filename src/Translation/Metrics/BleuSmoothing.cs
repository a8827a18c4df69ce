namespace Workflows.Translation.Metrics;

/// <summary>The substitute for an n-gram order without a match.</summary>
public enum BleuSmoothing
{
    /// <summary>"exp": halved for each further order; the default of sacreBLEU.</summary>
    Exponential,

    /// <summary>"floor": a fixed count, by default 0.1.</summary>
    Floor,

    /// <summary>"add-k": a constant added to matches and totals of orders above one, by default 1.</summary>
    AddK,

    /// <summary>"none": the score becomes 0.</summary>
    None,
}
