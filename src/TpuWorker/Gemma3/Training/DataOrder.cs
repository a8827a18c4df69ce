namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// Decides the examples of each batch: a pure function of lengths, batch size, seed and epoch. Examples are shuffled,
/// sorted by length within groups of batches so that a batch wastes little on padding, and the batches are shuffled.
/// </summary>
internal sealed class DataOrder(IReadOnlyList<int> lengths, int batchSize, ulong seed)
{
    // Chosen: enough batches to find examples of similar length, few enough for an epoch to stay well mixed.
    private const int BatchesPerGroup = 32;

    private int _epoch = -1;
    private int[][] _batches = [];

    /// <summary>Batches in an epoch; the last may be short.</summary>
    public int BatchesPerEpoch { get; } = (lengths.Count + batchSize - 1) / batchSize;

    /// <summary>Returns the examples of a batch; batches are counted through all epochs from 0.</summary>
    public int[] Batch(long number)
    {
        var epoch = checked((int)(number / BatchesPerEpoch));
        if (epoch != _epoch)
        {
            (_epoch, _batches) = (epoch, Arrange(epoch));
        }

        return _batches[number % BatchesPerEpoch];
    }

    private int[][] Arrange(int epoch)
    {
        var random = new SeededRandom(seed, (ulong)epoch);
        var order = Enumerable.Range(0, lengths.Count).ToArray();
        random.Shuffle<int>(order);
        var batches = order.Chunk(batchSize * BatchesPerGroup)
            .SelectMany(group => group.OrderBy(example => lengths[example]).Chunk(batchSize))
            .ToArray();
        random.Shuffle<int[]>(batches);
        return batches;
    }
}
