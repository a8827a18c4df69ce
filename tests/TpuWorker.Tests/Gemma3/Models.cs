namespace Workflows.TpuWorker.Tests.Gemma3;

internal static class Models
{
    /// <summary>
    /// Small enough for milliseconds, with every feature: both kinds of layer, shared heads, scaled rope.
    /// </summary>
    public static Gemma3Config Tiny { get; } = new()
    {
        VocabularySize = 96,
        HiddenSize = 24,
        IntermediateSize = 40,
        LayerCount = 3,
        HeadCount = 4,
        KeyValueHeadCount = 2,
        HeadDimension = 8,
        QueryPreAttentionScalar = 8,
        SlidingWindow = 6,
        GlobalLayers = [false, true, false],
        GlobalRopeFactor = 8,
        MaxPositions = 256,
        EndTokens = [1, 5],
    };
}
