using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Model;

/// <summary>The static sizes of one compiled forward pass.</summary>
/// <param name="Batch">Rows.</param>
/// <param name="Length">New positions of each row.</param>
/// <param name="Past">Positions of the key-value cache; 0 for none.</param>
/// <param name="HasRowMasks">
/// true if each row has its own mask. One mask serves all rows if they are padded on the right only: causality masks
/// the positions after a text.
/// </param>
internal readonly record struct GraphSize(int Batch, int Length, int Past, bool HasRowMasks)
{
    /// <summary>[1 or B, 1, 1, S, P + S], to broadcast over scores [B, K, G, S, P + S].</summary>
    public Shape MaskShape => new(HasRowMasks ? Batch : 1, 1, 1, Length, Past + Length);

    public Shape RopeShape(Gemma3Config config) => new(Batch, Length, config.HeadDimension / 2);

    public Shape CacheShape(Gemma3Config config) => new(Batch, config.KeyValueHeadCount, Past, config.HeadDimension);
}
