namespace Workflows.Translation.Metrics;

/// <summary>Settings of <see cref="Ter"/>; the defaults are sacreBLEU's.</summary>
public sealed record TerOptions
{
    /// <summary>
    /// Gets a value indicating whether entities are resolved and punctuation is separated before words are compared.
    /// </summary>
    /// <value>Default false.</value>
    public bool Normalized { get; init; }

    /// <summary>Gets a value indicating whether punctuation is removed.</summary>
    /// <value>Default false.</value>
    public bool NoPunctuation { get; init; }

    /// <summary>
    /// Gets a value indicating whether Chinese characters are separated if <see cref="Normalized"/>, and Asian
    /// punctuation is removed if <see cref="NoPunctuation"/>.
    /// </summary>
    /// <value>Default false.</value>
    public bool AsianSupport { get; init; }

    /// <summary>Gets a value indicating whether case counts.</summary>
    /// <value>Default false.</value>
    public bool CaseSensitive { get; init; }
}
