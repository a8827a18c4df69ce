using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>
/// The inputs of one pass; see <see cref="LeanInputs"/> for shapes, without the axis of micro-batches.
/// </summary>
internal sealed record LeanBatch(
    Node Tokens, Node Positions, Node Segments, Node Answers, Node Labels, Node Weights, Node DropoutSeed);

/// <summary>The results of the loop over the layers.</summary>
/// <param name="Hidden">The residual stream after the last layer, [B*S, d], not normed.</param>
/// <param name="Loop">The loop.</param>
/// <param name="Layer">Its body.</param>
internal sealed record LeanLayers(Node Hidden, ScanBuilder Loop, LeanLayer Layer)
{
    /// <summary>Returns keys and values of the new positions of all layers, [L, B, K, S, D].</summary>
    public (Node Keys, Node Values) NewCache() => (Loop.Stacked(Layer.Keys!), Loop.Stacked(Layer.Values!));
}

/// <summary>
/// Gemma 3 as a loop over its layers, with masks and rotary angles computed from positions. Letters as in
/// <see cref="Gemma3Graph"/>, whose results it has in single precision.
/// </summary>
internal sealed class LeanModel
{
    // A sliding layer masks keys at distances from its window on; this distance is beyond every window.
    public const int Unseen = 1 << 30;

    private readonly Graph _graph;
    private readonly Gemma3Config _config;
    private readonly LeanPlan _plan;
    private readonly IReadOnlyDictionary<string, Node> _parameters;

    /// <param name="graph">The graph to build in.</param>
    /// <param name="config">Sizes of the model.</param>
    /// <param name="plan">Sizes of the pass, adapter and precision.</param>
    /// <param name="parameters">Stacked weights by name, nodes of the graph.</param>
    public LeanModel(Graph graph, Gemma3Config config, LeanPlan plan, IReadOnlyDictionary<string, Node> parameters) =>
        (_graph, _config, _plan, _parameters) = (graph, config, plan, parameters);

    private DType Compute => _plan.Precision.Compute;

    /// <summary>Returns the sum of the weighted losses, and its gradients by the named weights.</summary>
    public (Node LossSum, Node[] Gradients) LossAndGradients(LeanBatch batch, IReadOnlyList<string> trained)
    {
        var picked = Pick(HiddenStates(batch), batch.Answers);
        var normed = Norm(_graph, picked, _parameters[Gemma3Parameters.FinalNorm]);
        var embedding = _parameters[Gemma3Parameters.Embedding];
        var isTrained = trained.Contains(Gemma3Parameters.Embedding);
        var loss = LeanLoss.Build(_graph, normed, batch, embedding, isTrained, _plan, _plan.ChunkCount(_config));
        var results = new List<(Node Result, Node Seed)> { (normed, loss.ByHidden) };
        if (loss.ByEmbedding is { } byEmbedding)
        {
            results.Add((embedding, byEmbedding));
        }

        return (loss.LossSum, Autodiff.Gradients(results, [.. trained.Select(name => _parameters[name])]));
    }

    /// <summary>Returns the residual stream after the last layer, [B*S, d], not normed.</summary>
    public Node HiddenStates(LeanBatch batch)
    {
        var positions = _graph.Reshape(batch.Positions, new Shape(_plan.Batch, _plan.Length, 1));
        return Layers(
            Embed(batch.Tokens), _graph.Convert(positions, DType.Float32), Distances(batch), batch.DropoutSeed).Hidden;
    }

    /// <summary>Returns scaled embeddings of tokens, [B*S, d].</summary>
    public Node Embed(Node tokens)
    {
        var flat = _graph.Reshape(tokens, new Shape(_plan.Batch * _plan.Length));
        var rounded = _graph.Convert(_graph.Gather(_parameters[Gemma3Parameters.Embedding], flat), Compute);
        return _graph.Scale(rounded, _plan.Precision.EmbeddingFactor(_config.HiddenSize));
    }

    /// <summary>Builds the loop over the layers.</summary>
    /// <param name="hidden">[B*S, d].</param>
    /// <param name="positions">Single precision [B, S, 1].</param>
    /// <param name="distances">Distance of each key, those of the cache first: Int32 [B, 1, 1, S, C + S].</param>
    /// <param name="dropoutSeed">Int32 [1]; null for no dropout.</param>
    /// <param name="cache">Keys and values of earlier positions, [L, B, K, C, D]; null for none.</param>
    public LeanLayers Layers(
        Node hidden, Node positions, Node distances, Node? dropoutSeed, (Node Keys, Node Values)? cache = null)
    {
        var loop = new ScanBuilder(_graph, _config.LayerCount, recompute: _plan.Recompute);
        var layer = new LeanLayer(_config, _plan, loop, LayerParameters(loop))
        {
            Window = loop.Slice(_graph.Constant(Windows())),
            Frequencies = loop.Slice(_graph.Constant(Frequencies())),
            Positions = loop.Share(positions),
            Distances = loop.Share(distances),
            DropoutSeed = dropoutSeed is null ? null : loop.Share(dropoutSeed),
            Past = cache is { } past ? (loop.Slice(past.Keys), loop.Slice(past.Values)) : null,
        };
        var carried = loop.Carry(hidden);
        loop.Next(carried, layer.Build(carried));
        return new LeanLayers(loop.Final(carried), loop, layer);
    }

    /// <summary>
    /// Returns scores of every vocabulary entry, single precision [N, V], for hidden states that are not normed.
    /// </summary>
    public Node Logits(Node hidden) => _graph.MatMul(
        Norm(_graph, hidden, _parameters[Gemma3Parameters.FinalNorm]),
        _graph.Convert(_parameters[Gemma3Parameters.Embedding], Compute),
        transposeRight: true, precision: _plan.Precision.Products);

    /// <summary>Returns normed x, in its own type; the norm itself is single precision.</summary>
    public static Node Norm(Graph graph, Node x, Node scale, float epsilon) => graph.Convert(
        graph.RmsNorm(graph.Convert(x, DType.Float32), graph.Convert(scale, DType.Float32), epsilon), x.DType);

    private Node Norm(Graph graph, Node x, Node scale) => Norm(graph, x, scale, (float)_config.RmsNormEpsilon);

    /// <summary>
    /// Selects the answers' positions of each row by an exact product with ones and zeros: no row depends on another,
    /// so it splits over devices, and its gradient is a product too.
    /// </summary>
    public Node Pick(Node hidden, Node answers)
    {
        var (rows, length, count) = (_plan.Batch, _plan.Length, _plan.AnswerCount);
        var places = _graph.Reshape(answers, new Shape(rows, count, 1));
        var isPlace = _graph.Compare(_graph.Iota(new Shape(1, 1, length), 2), Comparison.Equal, places);
        var picked = _graph.MatMul(
            _graph.Convert(isPlace, Compute), _graph.Reshape(hidden, new Shape(rows, length, _config.HiddenSize)),
            type: Compute, precision: _plan.Precision.Products);
        return _graph.Reshape(picked, new Shape(rows * count, _config.HiddenSize));
    }

    /// <summary>
    /// Returns the distance of each key from each query, [B, 1, 1, S, S]; <see cref="Unseen"/> for keys that come later
    /// or belong to another text.
    /// </summary>
    public Node Distances(LeanBatch batch)
    {
        var (rows, length) = (_plan.Batch, _plan.Length);
        var (asQuery, asKey) = (new Shape(rows, 1, 1, length, 1), new Shape(rows, 1, 1, 1, length));
        var distance = _graph.Subtract(
            _graph.Reshape(batch.Positions, asQuery), _graph.Reshape(batch.Positions, asKey));
        var sees = _graph.And(
            _graph.Compare(distance, Comparison.GreaterOrEqual, Whole(0)),
            _graph.Compare(
                _graph.Reshape(batch.Segments, asQuery), Comparison.Equal, _graph.Reshape(batch.Segments, asKey)));
        return _graph.Select(sees, distance, Whole(Unseen));
    }

    private Node Whole(int value) => _graph.Splat(Shape.Scalar, value, DType.Int32);

    private Dictionary<string, Node> LayerParameters(ScanBuilder loop)
    {
        var layers = $"{Gemma3Parameters.Prefix}layers.";
        return _parameters.Where(parameter => parameter.Key.StartsWith(layers, StringComparison.Ordinal))
            .ToDictionary(parameter => parameter.Key, parameter => loop.Slice(parameter.Value), StringComparer.Ordinal);
    }

    /// <summary>Distances below which keys are attended to, [L].</summary>
    private HostTensor Windows() => new(
        new Shape(_config.LayerCount),
        [.. Layers().Select(layer => _config.IsGlobal(layer) ? Unseen : _config.SlidingWindow)]);

    /// <summary>Rotary frequencies, [L, D/2].</summary>
    private HostTensor Frequencies()
    {
        var tables = new PositionTables(_config);
        return new HostTensor(
            new Shape(_config.LayerCount, _config.HeadDimension / 2),
            [.. Layers().SelectMany(layer => tables.FrequenciesOf(_config.IsGlobal(layer)).ToArray())]);
    }

    private IEnumerable<int> Layers() => Enumerable.Range(0, _config.LayerCount);
}
