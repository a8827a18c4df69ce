namespace Workflows.ModelFiles;

/// <summary>Sizes and constants of a Gemma 3 text model, as <c>config.json</c> gives them.</summary>
/// <remarks>Defaults are those of a sparse <c>text_config</c> on the hub.</remarks>
public sealed record Gemma3Config
{
    /// <summary>Number of layers per global layer, if the file does not list the layers' kinds.</summary>
    public const int DefaultGlobalLayerPeriod = 6;

    /// <summary>Rows of the embedding table; token ids are below it.</summary>
    public int VocabularySize { get; init; } = 262_208;

    /// <summary>Width of the residual stream.</summary>
    public int HiddenSize { get; init; } = 2_304;

    /// <summary>Width inside the feed-forward block.</summary>
    public int IntermediateSize { get; init; } = 9_216;

    /// <summary>Number of layers.</summary>
    public int LayerCount { get; init; } = 26;

    /// <summary>Query heads; a multiple of <see cref="KeyValueHeadCount"/>.</summary>
    public int HeadCount { get; init; } = 8;

    /// <summary>Key and value heads, each shared by equally many query heads.</summary>
    public int KeyValueHeadCount { get; init; } = 4;

    /// <summary>Width of one head, even; not tied to <see cref="HiddenSize"/> over <see cref="HeadCount"/>.</summary>
    public int HeadDimension { get; init; } = 256;

    /// <summary>Attention scores are divided by the square root of this.</summary>
    public double QueryPreAttentionScalar { get; init; } = 256;

    /// <summary>Number of keys, its own included, that a query of a sliding layer sees.</summary>
    public int SlidingWindow { get; init; } = 4_096;

    /// <summary>
    /// For each layer whether it attends globally; null if every sixth does. See <see cref="IsGlobal"/>.
    /// </summary>
    public IReadOnlyList<bool>? GlobalLayers { get; init; }

    /// <summary>Base of the rotary angles of global layers.</summary>
    public double GlobalRopeTheta { get; init; } = 1_000_000;

    /// <summary>Base of the rotary angles of sliding layers.</summary>
    public double LocalRopeTheta { get; init; } = 10_000;

    /// <summary>Positions are divided by this in global layers: 8 in the 4B model and larger, else 1.</summary>
    public double GlobalRopeFactor { get; init; } = 1;

    /// <summary>Positions are divided by this in sliding layers.</summary>
    public double LocalRopeFactor { get; init; } = 1;

    /// <summary>Added to the mean square in every norm.</summary>
    public double RmsNormEpsilon { get; init; } = 1e-6;

    /// <summary>The longest sequence of the model, in tokens.</summary>
    public int MaxPositions { get; init; } = 131_072;

    /// <summary>Standard deviation of fresh random weights.</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>Token at the beginning of every text.</summary>
    public int BeginToken { get; init; } = 2;

    /// <summary>Tokens that end a generated text.</summary>
    public IReadOnlyList<int> EndTokens { get; init; } = [1];

    /// <summary>Token that pads shorter rows.</summary>
    public int PadToken { get; init; }

    /// <summary>
    /// Returns whether the layer (from 0) attends to all earlier positions rather than to a sliding window.
    /// </summary>
    /// <param name="layer">Index from 0 to <see cref="LayerCount"/> - 1.</param>
    /// <returns>true for a global layer.</returns>
    public bool IsGlobal(int layer) => GlobalLayers?[layer] ?? (layer + 1) % DefaultGlobalLayerPeriod == 0;
}
