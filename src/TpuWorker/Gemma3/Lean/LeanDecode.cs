using Workflows.TpuWorker.StableHlo;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>
/// Decoding as two programs. The prefill creates the cache of the prompts and the candidates for the first token. A
/// launch generates several tokens: its cache is state, of which each token writes one position, and the most likely
/// token of each row is the next one's input without leaving the device. Every row writes the same position: prompts
/// come first, padded on the right, and generated tokens follow from <see cref="DecodePlan.PromptLength"/> on.
/// </summary>
public sealed class LeanDecode
{
    /// <summary>Prompts, Int32 [B, P], padded on the right with any token.</summary>
    public const string Prompts = "prompts";

    /// <summary>Length of each prompt, Int32 [B], 1 to P.</summary>
    public const string Lengths = "lengths";

    /// <summary>State: keys of all layers, [L, B, K, C, D], in the type of the computation.</summary>
    public const string Keys = "cache.keys";

    /// <summary>State: values of all layers, as the keys.</summary>
    public const string Values = "cache.values";

    /// <summary>State: the last token of each row, with which the next launch begins, Int32 [B].</summary>
    public const string Tokens = "tokens";

    /// <summary>State: whether a row has ended, Bool [B]; an ended row continues with padding.</summary>
    public const string Ended = "ended";

    /// <summary>
    /// State: the number of generated tokens in the cache, Int32 []; 0 before the first launch.
    /// </summary>
    public const string Count = "count";

    /// <summary>Input: the source row of each row of the cache, Int32 [B].</summary>
    public const string Rows = "rows";

    /// <summary>
    /// Output: the most likely tokens, the likeliest first: Int32 [B, k] of a prefill, [N, B, k] of a launch.
    /// </summary>
    public const string Candidates = "candidates";

    /// <summary>Output: their log-probabilities, Float32, of the same shape.</summary>
    public const string LogProbabilities = "log_probabilities";

    private readonly Gemma3Config _config;
    private readonly DecodePlan _plan;
    private readonly Lazy<StableHloModule> _prefill;
    private readonly Lazy<StableHloModule> _launch;

    private LeanDecode(Gemma3Config config, DecodePlan plan)
    {
        (_config, _plan) = (config, plan);
        (PrefillGraph, LaunchGraph) = (BuildPrefill(), BuildLaunch());
        _prefill = new Lazy<StableHloModule>(() => StableHloModule.Lower(
            PrefillGraph, "prefill", LeanSharding.Over(plan.Devices)));
        _launch = new Lazy<StableHloModule>(() => StableHloModule.Lower(
            LaunchGraph, "decode", LeanSharding.Over(plan.Devices)));
    }

    /// <summary>Gets the graph of the prefill.</summary>
    public Graph PrefillGraph { get; }

    /// <summary>Gets the graph of a launch.</summary>
    public Graph LaunchGraph { get; }

    /// <summary>Gets the prefill as StableHLO.</summary>
    public StableHloModule Prefill => _prefill.Value;

    /// <summary>Gets a launch as StableHLO.</summary>
    public StableHloModule Launch => _launch.Value;

    /// <summary>Builds both programs.</summary>
    /// <param name="config">Sizes of the model.</param>
    /// <param name="plan">Sizes of decoding.</param>
    /// <returns>The programs.</returns>
    /// <exception cref="ModelInputException">A size is out of range.</exception>
    public static LeanDecode Build(Gemma3Config config, DecodePlan plan)
    {
        plan.Validate(config);
        return new LeanDecode(config, plan);
    }

    /// <summary>Builds the program that reorders the rows of the cache for beam search.</summary>
    /// <returns>
    /// The graph: states <see cref="Keys"/> and <see cref="Values"/>, input <see cref="Rows"/>.
    /// </returns>
    public Graph BuildReorder()
    {
        var graph = new Graph();
        var rows = graph.Input(Rows, new Shape(_plan.Batch), DType.Int32);
        var flat = new Shape(_plan.Batch, _config.KeyValueHeadCount * _plan.Capacity * _config.HeadDimension);
        foreach (var name in (string[])[Keys, Values])
        {
            var state = graph.State(name, CacheShape, _plan.Precision.Compute);
            var loop = new ScanBuilder(graph, _config.LayerCount);
            var layer = loop.Slice(state);
            var moved = loop.Body.Reshape(
                loop.Body.Gather(loop.Body.Reshape(layer, flat), loop.Share(rows)), layer.Shape);
            graph.Update(state, loop.Stacked(moved));
        }

        return graph;
    }

    private Shape CacheShape => new(
        _config.LayerCount, _plan.Batch, _config.KeyValueHeadCount, _plan.Capacity, _config.HeadDimension);

    private Graph BuildPrefill()
    {
        var (graph, batch, length) = (new Graph(), _plan.Batch, _plan.PromptLength);
        var texts = new Shape(batch, length);
        var model = new LeanModel(graph, _config, _plan.Pass(length), Declare(graph));
        var prompts = graph.Input(Prompts, texts, DType.Int32);
        var lengths = graph.Input(Lengths, new Shape(batch), DType.Int32);
        var positions = graph.Iota(texts, 1);
        var pass = new LeanBatch(
            prompts, positions, graph.Splat(texts, 0, DType.Int32), lengths, lengths, lengths, lengths);
        var layers = model.Layers(
            model.Embed(prompts), graph.Convert(graph.Reshape(positions, new Shape(batch, length, 1)), DType.Float32),
            model.Distances(pass), null);
        var (keys, values) = layers.NewCache();
        graph.Output(Keys, graph.Pad(keys, 3, 0, _plan.Capacity));
        graph.Output(Values, graph.Pad(values, 3, 0, _plan.Capacity));
        var last = graph.Subtract(lengths, Whole(graph, 1));
        var (candidates, probabilities) = Likeliest(
            graph, model.Logits(model.Pick(layers.Hidden, graph.Reshape(last, new Shape(batch, 1)))));
        graph.Output(Candidates, candidates);
        graph.Output(LogProbabilities, probabilities);
        return graph;
    }

    private Graph BuildLaunch()
    {
        var (graph, rows) = (new Graph(), new Shape(_plan.Batch));
        var parameters = Declare(graph);
        var lengths = graph.Input(Lengths, rows, DType.Int32);
        Node[] states =
        [
            graph.State(Keys, CacheShape, _plan.Precision.Compute),
            graph.State(Values, CacheShape, _plan.Precision.Compute),
            graph.State(Tokens, rows, DType.Int32), graph.State(Ended, rows, DType.Bool),
            graph.State(Count, Shape.Scalar, DType.Int32),
        ];
        var loop = new ScanBuilder(graph, _plan.LaunchTokens);
        var body = loop.Body;
        Node[] carried = [.. states.Select(loop.Carry)];
        var shared = parameters.ToDictionary(
            parameter => parameter.Key, parameter => loop.Share(parameter.Value), StringComparer.Ordinal);
        var (next, candidates, probabilities) = Continue(body, shared, loop.Share(lengths), carried);
        for (var i = 0; i < carried.Length; i++)
        {
            loop.Next(carried[i], next[i]);
        }

        graph.Output(Candidates, loop.Stacked(candidates));
        graph.Output(LogProbabilities, loop.Stacked(probabilities));
        for (var i = 0; i < states.Length; i++)
        {
            graph.Update(states[i], loop.Final(carried[i]));
        }

        return graph;
    }

    /// <summary>Builds one token: the next keys, values, tokens, ends and count, and the candidates.</summary>
    private (Node[] Next, Node Candidates, Node Probabilities) Continue(
        Graph g, Dictionary<string, Node> parameters, Node lengths, Node[] state)
    {
        var (keys, values, tokens, ended, count) = (state[0], state[1], state[2], state[3], state[4]);
        var (batch, capacity) = (_plan.Batch, _plan.Capacity);
        var model = new LeanModel(g, _config, _plan.Pass(1), parameters);
        var positions = g.Add(lengths, count);
        var distances = g.Concat(1, Distances(g, lengths, count), g.Splat(new Shape(batch, 1), 0, DType.Int32));
        var layers = model.Layers(
            model.Embed(tokens), g.Convert(g.Reshape(positions, new Shape(batch, 1, 1)), DType.Float32),
            g.Reshape(distances, new Shape(batch, 1, 1, 1, capacity + 1)), null, (keys, values));
        var (newKeys, newValues) = layers.NewCache();
        var place = g.Add(count, Whole(g, _plan.PromptLength));
        var (candidates, probabilities) = Likeliest(g, model.Logits(layers.Hidden));
        var best = g.Reshape(g.Slice(candidates, 1, 0, 1), new Shape(batch));
        var chosen = g.Select(ended, Whole(g, _config.PadToken), best);
        var isEnd = ended;
        foreach (var end in _plan.EndTokens ?? _config.EndTokens)
        {
            var isThis = g.Compare(chosen, Comparison.Equal, Whole(g, end));
            isEnd = g.Select(isThis, isThis, isEnd);
        }

        Node[] next =
        [
            g.DynamicUpdateSlice(keys, newKeys, 3, place), g.DynamicUpdateSlice(values, newValues, 3, place), chosen,
            isEnd, g.Add(count, Whole(g, 1)),
        ];
        return (next, candidates, probabilities);
    }

    /// <summary>
    /// Computes the distance of each position of the cache, [B, C]. A prompt's positions count up to the length of the
    /// prompt; the later ones follow it, up to the number of generated tokens.
    /// </summary>
    private Node Distances(Graph g, Node lengths, Node count)
    {
        var (batch, capacity, prompt) = (_plan.Batch, _plan.Capacity, Whole(g, _plan.PromptLength));
        var place = g.Iota(new Shape(1, capacity), 1);
        var length = g.Reshape(lengths, new Shape(batch, 1));
        var generated = g.Subtract(place, prompt);
        var isPrompt = g.Compare(place, Comparison.Less, prompt);
        var isFilled = g.Select(
            isPrompt, g.Compare(place, Comparison.Less, length), g.Compare(generated, Comparison.Less, count));
        var position = g.Select(isPrompt, place, g.Add(length, generated));
        var distance = g.Subtract(g.Add(length, count), position);
        return g.Select(isFilled, distance, Whole(g, LeanModel.Unseen));
    }

    /// <summary>Returns the most likely tokens of each row and their log-probabilities, [B, k].</summary>
    private (Node Candidates, Node LogProbabilities) Likeliest(Graph g, Node logits)
    {
        var largest = g.ReduceMax(logits, 1);
        var sum = g.Log(g.ReduceSum(g.Exp(g.Subtract(logits, largest)), 1));
        var candidates = g.TopK(logits, _plan.Candidates);
        var index = g.Iota(logits.Shape, 1);
        var none = g.Splat(Shape.Scalar, float.NegativeInfinity);
        var scores = Enumerable.Range(0, _plan.Candidates).Select(k => g.ReduceMax(
            g.Select(g.Compare(index, Comparison.Equal, g.Slice(candidates, 1, k, 1)), logits, none), 1));
        return (candidates, g.Subtract(g.Subtract(g.Concat(1, [.. scores]), largest), sum));
    }

    private Dictionary<string, Node> Declare(Graph graph) => LeanParameters.All(_config, _plan.Lora).ToDictionary(
        parameter => parameter.Name,
        parameter => graph.Input(parameter.Name, parameter.Shape, IsAdapter(parameter.Name)
            ? _plan.Precision.Store : _plan.Precision.Frozen),
        StringComparer.Ordinal);

    private static bool IsAdapter(string name) => name.Contains(".lora_", StringComparison.Ordinal);

    private static Node Whole(Graph graph, int value) => graph.Splat(Shape.Scalar, value, DType.Int32);
}
