namespace Workflows.TpuWorker.Gemma3.Decoding;

/// <summary>Decodes on this machine's processor: greedily, or by beam search with several beams.</summary>
/// <param name="model">The model; its weights are read in place.</param>
/// <param name="threads">Threads of the numeric loops, 1 or more.</param>
internal sealed class OnnxTextDecoder(Gemma3Checkpoint model, int threads) : ITextDecoder
{
    private readonly Lazy<GreedyDecoder> _greedy = new(() => new GreedyDecoder(model, threads));
    private readonly Lazy<BeamDecoder> _beams = new(() => new BeamDecoder(model, threads));

    /// <inheritdoc />
    public int[][] Generate(
        IReadOnlyList<int[]> prompts, DecodeOptions options, Action<int>? onCompleted,
        CancellationToken cancellationToken) => options.BeamSize == 1
            ? _greedy.Value.Generate(prompts, options, onCompleted, cancellationToken)
            : [.. _beams.Value.Generate(prompts, options, onCompleted, cancellationToken)
                .Select(found => found[0].Tokens)];

    /// <inheritdoc />
    public void Dispose()
    {
        if (_greedy.IsValueCreated)
        {
            _greedy.Value.Dispose();
        }

        if (_beams.IsValueCreated)
        {
            _beams.Value.Dispose();
        }
    }
}
