namespace Workflows.Translation.Metrics;

/// <summary>Settings of <see cref="Bleu"/>; the defaults are sacreBLEU's.</summary>
public sealed record BleuOptions
{
    /// <summary>How lines are cut into words.</summary>
    /// <value>Default <see cref="BleuTokenizer.Mteval13a"/>.</value>
    public BleuTokenizer Tokenizer { get; init; } = BleuTokenizer.Mteval13a;

    /// <summary>Folder of the compiled mecab-ko-dic, for <see cref="BleuTokenizer.KoreanMecab"/>.</summary>
    /// <value>Null means the folder that the environment variable WORKFLOWS_MECAB_KO_DIC names.</value>
    public string? MecabDictionary { get; init; }

    /// <summary>The substitute for an order without a match.</summary>
    /// <value>Default <see cref="BleuSmoothing.Exponential"/>.</value>
    public BleuSmoothing Smoothing { get; init; } = BleuSmoothing.Exponential;

    /// <summary>The constant of floor and add-k smoothing.</summary>
    /// <value>Null means 0.1 for floor and 1 for add-k; others ignore it.</value>
    public double? SmoothingValue { get; init; }

    /// <summary>Gets a value indicating whether case is ignored.</summary>
    /// <value>Default false.</value>
    public bool Lowercase { get; init; }

    /// <summary>
    /// Gets a value indicating whether orders longer than the output are left out; sensible for single sentences.
    /// </summary>
    /// <value>Default false.</value>
    public bool EffectiveOrder { get; init; }

    /// <summary>The longest n-gram.</summary>
    /// <value>1 to 16, default 4.</value>
    public int MaxOrder { get; init; } = 4;
}
