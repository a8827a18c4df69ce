namespace Workflows.Translation.Metrics;

/// <summary>The substitute for an n-gram order without a match.</summary>
public enum BleuSmoothing
{
    /// <summary>"exp": halved for each further order; the default of sacreBLEU.</summary>
    Exponential,

    /// <summary>"floor": a fixed count, 0.1 unless told.</summary>
    Floor,

    /// <summary>"add-k": a constant added to matches and totals of orders above one, 1 unless told.</summary>
    AddK,

    /// <summary>"none": the score becomes 0.</summary>
    None,
}
