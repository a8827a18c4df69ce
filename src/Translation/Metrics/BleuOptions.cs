namespace Workflows.Translation.Metrics;

/// <summary>Settings of <see cref="Bleu"/>; the defaults are sacreBLEU's.</summary>
public sealed record BleuOptions
{
    /// <summary>The tokenizer that splits lines into words.</summary>
    /// <value>Default <see cref="BleuTokenizer.Mteval13a"/>.</value>
    public BleuTokenizer Tokenizer { get; init; } = BleuTokenizer.Mteval13a;

    /// <summary>Folder of the compiled mecab-ko-dic, for <see cref="BleuTokenizer.KoreanMecab"/>.</summary>
    /// <value>null for the folder that the environment variable WORKFLOWS_MECAB_KO_DIC names.</value>
    public string? MecabDictionary { get; init; }

    /// <summary>The substitute for an order without a match.</summary>
    /// <value>Default <see cref="BleuSmoothing.Exponential"/>.</value>
    public BleuSmoothing Smoothing { get; init; } = BleuSmoothing.Exponential;

    /// <summary>The constant of floor and add-k smoothing.</summary>
    /// <value>null for 0.1 with floor and 1 with add-k; the others ignore it.</value>
    public double? SmoothingValue { get; init; }

    /// <summary>Gets a value indicating whether case is ignored.</summary>
    /// <value>Default false.</value>
    public bool Lowercase { get; init; }

    /// <summary>
    /// Gets a value indicating whether orders longer than the output are left out, which suits single sentences.
    /// </summary>
    /// <value>Default false.</value>
    public bool EffectiveOrder { get; init; }

    /// <summary>The longest n-gram.</summary>
    /// <value>1 to 16, default 4.</value>
    public int MaxOrder { get; init; } = 4;
}
