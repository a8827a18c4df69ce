using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>One layer as the body of a loop, of either kind: window and frequencies decide which.</summary>
internal sealed class LeanLayer
{
    private readonly Gemma3Config _config;
    private readonly LeanPlan _plan;
    private readonly ScanBuilder _loop;
    private readonly Graph _graph;
    private readonly Dictionary<string, Node> _parameters;
    private readonly int _adapted;
    private int _dropouts;

    /// <param name="config">Sizes of the model.</param>
    /// <param name="plan">Sizes of the pass, adapter and precision.</param>
    /// <param name="loop">The loop over the layers.</param>
    /// <param name="parameters">The layer's weights by the names of their stacks.</param>
    public LeanLayer(Gemma3Config config, LeanPlan plan, ScanBuilder loop, Dictionary<string, Node> parameters)
    {
        (_config, _plan, _loop, _graph, _parameters) = (config, plan, loop, loop.Body, parameters);
        _adapted = parameters.Keys.Count(name => parameters.ContainsKey(LoraParameters.DownOf(name)));
    }

    /// <summary>Distance below which keys are attended to, a scalar of Int32.</summary>
    public required Node Window { get; init; }

    /// <summary>Rotary angles at position 1, [D/2].</summary>
    public required Node Frequencies { get; init; }

    /// <summary>[B, S, 1] of single precision.</summary>
    public required Node Positions { get; init; }

    /// <summary>Distance of each key, those of the cache first: Int32 [B, 1, 1, S, C + S].</summary>
    public required Node Distances { get; init; }

    /// <summary>Seed of the dropout, Int32 [1]; null for no dropout.</summary>
    public required Node? DropoutSeed { get; init; }

    /// <summary>Keys and values of earlier positions, [B, K, C, D]; null for none.</summary>
    public (Node Keys, Node Values)? Past { get; init; }

    /// <summary>Keys of the new positions, [B, K, S, D], once the layer is built.</summary>
    public Node? Keys { get; private set; }

    /// <summary>Values of the new positions, [B, K, S, D], once the layer is built.</summary>
    public Node? Values { get; private set; }

    private DType Compute => _plan.Precision.Compute;

    /// <summary>Builds the layer and returns the residual stream after it, [B*S, d].</summary>
    public Node Build(Node hidden)
    {
        var attended = Attention(Norm(hidden, "input_layernorm"));
        hidden = _graph.Add(hidden, Norm(attended, "post_attention_layernorm"));
        var fed = FeedForward(Norm(hidden, "pre_feedforward_layernorm"));
        return _graph.Add(hidden, Norm(fed, "post_feedforward_layernorm"));
    }

    private Node Attention(Node x)
    {
        var (batch, length, width) = (_plan.Batch, _plan.Length, _config.HeadDimension);
        var (heads, shared) = (_config.HeadCount, _config.KeyValueHeadCount);
        var angles = _graph.Multiply(Positions, Frequencies);
        var (cosines, sines) = (_graph.Cosine(angles), _graph.Sine(angles));

        // Query head n uses key-value head n / G, so G neighbouring heads fold into the rows of one product.
        var queries = _graph.Reshape(
            HeadsFirst(Rotated("self_attn.q_proj", "self_attn.q_norm", x, heads, cosines, sines)),
            new Shape(batch, shared, heads / shared * length, width));
        var keys = HeadsFirst(Rotated("self_attn.k_proj", "self_attn.k_norm", x, shared, cosines, sines));
        var values = HeadsFirst(Heads("self_attn.v_proj", x, shared));
        (Keys, Values) = (keys, values);

        // Only scores are concatenated: the cache is read in place.
        var scores = Past is { } past
            ? _graph.Concat(3, Scores(queries, past.Keys), Scores(queries, keys))
            : Scores(queries, keys);
        var probabilities = Probabilities(scores);
        var mixed = Past is { } before
            ? _graph.Add(
                Product(Part(probabilities, 0, before.Values.Shape[2]), before.Values, false),
                Product(Part(probabilities, before.Values.Shape[2], length), values, false))
            : Product(probabilities, values, false);
        var byPosition = HeadsFirst(_graph.Reshape(mixed, new Shape(batch, heads, length, width)));
        return Linear("self_attn.o_proj", _graph.Reshape(byPosition, new Shape(batch * length, heads * width)));

        Node Part(Node all, int start, int count) => _graph.Slice(all, 3, start, count);
    }

    private Node Scores(Node queries, Node keys) => _graph.MatMul(
        queries, keys, false, true, (float)(1 / Math.Sqrt(_config.QueryPreAttentionScalar)),
        precision: _plan.Precision.Products);

    private Node Probabilities(Node scores)
    {
        var (shape, shared) = (scores.Shape, _config.KeyValueHeadCount);
        var grouped = _graph.Reshape(
            scores, new Shape(shape[0], shared, _config.HeadCount / shared, _plan.Length, shape[3]));
        var sees = _graph.Compare(Distances, Comparison.Less, Window);
        var seen = _graph.Select(sees, grouped, _graph.Splat(Shape.Scalar, PositionTables.Hidden));
        return _graph.Convert(_graph.Reshape(_graph.Softmax(seen), shape), Compute);
    }

    private Node FeedForward(Node x)
    {
        var gate = _graph.GeluTanh(_graph.Convert(Linear("mlp.gate_proj", x), DType.Float32));
        var up = Linear("mlp.up_proj", x);
        return Linear("mlp.down_proj", _graph.Multiply(_graph.Convert(gate, Compute), up));
    }

    /// <summary>Returns normed and rotated heads, in single precision from the norm to the end of the
    /// rotation.</summary>
    private Node Rotated(string part, string norm, Node x, int heads, Node cosines, Node sines)
    {
        var scale = _graph.Convert(Weight(norm), DType.Float32);
        var normed = _graph.RmsNorm(
            _graph.Convert(Heads(part, x, heads), DType.Float32), scale, (float)_config.RmsNormEpsilon);
        return _graph.Convert(_graph.Rope(normed, cosines, sines), Compute);
    }

    private Node Heads(string part, Node x, int heads) => _graph.Reshape(
        Linear(part, x), new Shape(_plan.Batch, _plan.Length, heads, _config.HeadDimension));

    /// <summary>Swaps positions and heads, either way.</summary>
    private Node HeadsFirst(Node value) => _graph.Transpose(value, 0, 2, 1, 3);

    private Node Linear(string part, Node x)
    {
        var name = NameOf(part);
        var result = Product(x, _graph.Convert(_parameters[name], Compute), true);
        if (!_parameters.TryGetValue(LoraParameters.DownOf(name), out var down))
        {
            return result;
        }

        var lora = _plan.Lora!;
        var kept = lora.Dropout > 0 && DropoutSeed is { } seed
            ? HashedDropout.Apply(_graph, x, seed, NextStream(), (float)lora.Dropout)
            : x;
        var narrow = Product(kept, _graph.Convert(down, Compute), true);
        var up = _graph.Convert(_parameters[LoraParameters.UpOf(name)], Compute);
        return _graph.Add(result, Product(narrow, up, true, lora.Scale));
    }

    /// <summary>Returns the number of a random stream: the layer's times the dropouts of a layer, then
    /// consecutive.</summary>
    private Node NextStream()
    {
        Node Number(int value) => _graph.Splat(Shape.Scalar, value, DType.UInt32);
        return _graph.Add(
            _graph.Multiply(_graph.Convert(_loop.Index, DType.UInt32), Number(_adapted)), Number(_dropouts++));
    }

    private Node Product(Node left, Node right, bool transposeRight, float factor = 1) => _graph.MatMul(
        left, right, false, transposeRight, factor, Compute, _plan.Precision.Products);

    private Node Norm(Node x, string part) =>
        LeanModel.Norm(_graph, x, Weight(part), (float)_config.RmsNormEpsilon);

    private Node Weight(string part) => _parameters[NameOf(part)];

    private static string NameOf(string part) => LeanParameters.StackOf(Gemma3Parameters.OfLayer(0, part));
}
