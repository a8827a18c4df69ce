using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Model;

/// <summary>
/// Builds the forward pass of Gemma 3 as a graph. Checked against transformers' modeling_gemma3.py.
/// Letters: B rows of the batch, S new positions of each, P positions in the cache, d hidden size, N query heads,
/// K key-value heads, G = N / K query heads sharing one, D head width. Activations are kept flat as [B*S, d].
/// </summary>
internal sealed class Gemma3Graph
{
    private readonly Gemma3Config _config;
    private readonly GraphSize _size;
    private readonly LoraOptions? _lora;
    private readonly Dictionary<string, Node> _parameters = new(StringComparer.Ordinal);
    private int _dropouts;
    private readonly Node _localMask;
    private readonly Node _globalMask;
    private readonly (Node Cosines, Node Sines) _localRope;
    private readonly (Node Cosines, Node Sines) _globalRope;

    public Gemma3Graph(Gemma3Config config, GraphSize size, LoraOptions? lora = null)
    {
        (_config, _size, _lora) = (config, size, lora);
        DropoutSeed = Graph.Input(GraphInputs.DropoutSeed, new Shape(1), DType.Int32);
        var adapter = lora is null ? [] : LoraParameters.All(config, lora);
        foreach (var (name, shape) in Gemma3Parameters.All(config).Concat(adapter))
        {
            _parameters.Add(name, Graph.Input(name, shape));
        }

        Tokens = Graph.Input(GraphInputs.Tokens, new Shape(size.Batch * size.Length), DType.Int32);
        var mask = size.MaskShape;
        _localMask = Graph.Input(GraphInputs.LocalMask, mask);
        _globalMask = Graph.Input(GraphInputs.GlobalMask, mask);
        var table = size.RopeShape(config);
        _localRope = (Graph.Input(GraphInputs.LocalCosines, table), Graph.Input(GraphInputs.LocalSines, table));
        _globalRope = (Graph.Input(GraphInputs.GlobalCosines, table), Graph.Input(GraphInputs.GlobalSines, table));
    }

    public Graph Graph { get; } = new();

    /// <summary>The model's parameters, and the adapter's if there is one.</summary>
    public IReadOnlyDictionary<string, Node> Parameters => _parameters;

    public Node Tokens { get; }

    /// <summary>Seed of the adapter's dropout; unused if <see cref="DropsOut"/> is false.</summary>
    public Node DropoutSeed { get; }

    /// <summary>
    /// Gets a value indicating whether the adapter's dropout is applied, which is so in training only.
    /// </summary>
    public bool DropsOut { get; init; }

    /// <summary>New keys and values of each layer, [B, K, S, D], once the hidden states have been built.</summary>
    public List<(Node Keys, Node Values)> NewCache { get; } = [];

    /// <summary>
    /// Returns scaled embeddings, the result of every layer, and last the normed result: layers + 2 nodes [B*S, d].
    /// </summary>
    public List<Node> HiddenStates(float normalizer)
    {
        var hidden = Graph.Scale(Graph.Gather(Embedding, Tokens), normalizer);
        var states = new List<Node> { hidden };
        for (var layer = 0; layer < _config.LayerCount; layer++)
        {
            var attended = Attention(layer, Norm(hidden, layer, "input_layernorm"));
            hidden = Graph.Add(hidden, Norm(attended, layer, "post_attention_layernorm"));
            var fed = FeedForward(layer, Norm(hidden, layer, "pre_feedforward_layernorm"));
            hidden = Graph.Add(hidden, Norm(fed, layer, "post_feedforward_layernorm"));
            states.Add(hidden);
        }

        states.Add(Norm(hidden, _parameters[Gemma3Parameters.FinalNorm]));
        return states;
    }

    /// <summary>Returns scores of every vocabulary entry, [R, V], for R rows of normed hidden states.</summary>
    public Node Logits(Node normed) => Graph.MatMul(normed, Embedding, transposeRight: true);

    private Node Embedding => _parameters[Gemma3Parameters.Embedding];

    private Node Attention(int layer, Node x)
    {
        var (batch, length, width) = (_size.Batch, _size.Length, _config.HeadDimension);
        var (heads, shared) = (_config.HeadCount, _config.KeyValueHeadCount);
        var (cosines, sines) = _config.IsGlobal(layer) ? _globalRope : _localRope;

        // Query head n uses key-value head n / G, so G neighbouring heads fold into the rows of one product.
        var queries = Graph.Reshape(
            HeadsFirst(Turn(Heads(layer, "self_attn.q_proj", x, heads), layer, "self_attn.q_norm", cosines, sines)),
            new Shape(batch, shared, heads / shared * length, width));
        var keys = HeadsFirst(
            Turn(Heads(layer, "self_attn.k_proj", x, shared), layer, "self_attn.k_norm", cosines, sines));
        var values = HeadsFirst(Heads(layer, "self_attn.v_proj", x, shared));
        NewCache.Add((keys, values));

        var mask = _config.IsGlobal(layer) ? _globalMask : _localMask;
        var mixed = _size.Past == 0
            ? Graph.MatMul(Probabilities(Scores(queries, keys), mask), values)
            : MixWithCache(layer, queries, keys, values, mask);
        var byPosition = HeadsFirst(Graph.Reshape(mixed, new Shape(batch, heads, length, width)));
        return Linear(layer, "self_attn.o_proj", Graph.Reshape(byPosition, new Shape(batch * length, heads * width)));
    }

    /// <summary>Attends to cached and new positions without copying the cache: only scores are concatenated.</summary>
    private Node MixWithCache(int layer, Node queries, Node keys, Node values, Node mask)
    {
        var cache = _size.CacheShape(_config);
        var pastKeys = Graph.Input(GraphInputs.PastKeys(layer), cache);
        var pastValues = Graph.Input(GraphInputs.PastValues(layer), cache);
        var scores = Graph.Concat(3, Scores(queries, pastKeys), Scores(queries, keys));
        var probabilities = Probabilities(scores, mask);
        return Graph.Add(
            Graph.MatMul(Graph.Slice(probabilities, 3, 0, _size.Past), pastValues),
            Graph.MatMul(Graph.Slice(probabilities, 3, _size.Past, _size.Length), values));
    }

    private Node Scores(Node queries, Node keys) =>
        Graph.MatMul(queries, keys, false, true, (float)(1 / Math.Sqrt(_config.QueryPreAttentionScalar)));

    private Node Probabilities(Node scores, Node mask)
    {
        var (shape, shared) = (scores.Shape, _config.KeyValueHeadCount);
        var grouped = new Shape(shape[0], shared, _config.HeadCount / shared, _size.Length, shape[3]);
        return Graph.Reshape(Graph.Softmax(Graph.Add(Graph.Reshape(scores, grouped), mask)), shape);
    }

    private Node FeedForward(int layer, Node x)
    {
        var gate = Graph.GeluTanh(Linear(layer, "mlp.gate_proj", x));
        return Linear(layer, "mlp.down_proj", Graph.Multiply(gate, Linear(layer, "mlp.up_proj", x)));
    }

    private Node Heads(int layer, string part, Node x, int heads) => Graph.Reshape(
        Linear(layer, part, x), new Shape(_size.Batch, _size.Length, heads, _config.HeadDimension));

    private Node Turn(Node heads, int layer, string norm, Node cosines, Node sines) =>
        Graph.Rope(Norm(heads, layer, norm), cosines, sines);

    /// <summary>Swaps positions and heads, either way.</summary>
    private Node HeadsFirst(Node value) => Graph.Transpose(value, 0, 2, 1, 3);

    private Node Linear(int layer, string part, Node x)
    {
        var name = Gemma3Parameters.OfLayer(layer, part);
        var result = Graph.MatMul(x, _parameters[name], transposeRight: true);
        if (_lora is null || !_parameters.TryGetValue(LoraParameters.DownOf(name), out var down))
        {
            return result;
        }

        var kept = DropsOut && _lora.Dropout > 0
            ? Graph.Dropout(x, DropoutSeed, (float)_lora.Dropout, _dropouts++)
            : x;
        var narrow = Graph.MatMul(kept, down, transposeRight: true);
        var added = Graph.MatMul(
            narrow, _parameters[LoraParameters.UpOf(name)], transposeRight: true, factor: _lora.Scale);
        return Graph.Add(result, added);
    }

    private Node Norm(Node x, int layer, string part) => Norm(x, _parameters[Gemma3Parameters.OfLayer(layer, part)]);

    private Node Norm(Node x, Node scale) => Graph.RmsNorm(x, scale, (float)_config.RmsNormEpsilon);
}
