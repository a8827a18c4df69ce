namespace Workflows.Translation.Metrics;

/// <summary>Settings of <see cref="Chrf"/>; the defaults are sacreBLEU's chrF2.</summary>
public sealed record ChrfOptions
{
    /// <summary>The longest character n-gram.</summary>
    /// <value>1 to 16, default 6.</value>
    public int CharacterOrder { get; init; } = 6;

    /// <summary>The longest word n-gram: 0 for chrF, 2 for chrF++.</summary>
    /// <value>0 to 16, default 0.</value>
    public int WordOrder { get; init; }

    /// <summary>The weight of recall relative to precision.</summary>
    /// <value>At least 1, default 2.</value>
    public int Beta { get; init; } = 2;

    /// <summary>Gets a value indicating whether case is ignored.</summary>
    /// <value>Default false.</value>
    public bool Lowercase { get; init; }

    /// <summary>Gets a value indicating whether white space counts as a character.</summary>
    /// <value>Default false.</value>
    public bool Whitespace { get; init; }

    /// <summary>
    /// Gets a value indicating whether F-scores are averaged over all orders with a tiny constant, as in chrF++.py and
    /// Moses.
    /// </summary>
    /// <value>Default false: precision and recall are averaged over the orders that exist.</value>
    public bool EpsilonSmoothing { get; init; }
}
