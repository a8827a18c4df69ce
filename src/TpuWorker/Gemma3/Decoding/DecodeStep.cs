using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Onnx;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Decoding;

/// <summary>
/// A compiled pass over one new token of each row, which attends to a cache of fixed capacity that it owns. Each row
/// has its own position; its mask has the positions that it may attend to.
/// </summary>
internal sealed class DecodeStep : IDisposable
{
    public const string Logits = "logits";

    private readonly OnnxProgram _program;
    private readonly GraphSize _size;
    private readonly PositionTables _tables;
    private readonly HostTensor _tokens;
    private readonly (bool IsGlobal, HostTensor Mask, HostTensor Cosines, HostTensor Sines)[] _kinds;
    private readonly HostTensor[] _keys;
    private readonly HostTensor[] _values;
    private readonly Dictionary<string, HostTensor> _outputs;

    public DecodeStep(Gemma3Checkpoint model, int batch, int capacity, int threads)
    {
        var config = model.Config;
        _size = new GraphSize(batch, 1, capacity, HasRowMasks: true);
        _tables = new PositionTables(config);
        var forward = new Gemma3Graph(config, _size);
        NameOutputs(forward, forward.Logits(forward.HiddenStates(model.EmbeddingNormalizer)[^1]));
        _program = new OnnxProgram(forward.Graph, threads);
        foreach (var (name, tensor) in model.Parameters)
        {
            _program.BindInput(name, tensor);
        }

        _tokens = HostTensor.Zeros(DType.Int32, new Shape(batch));
        _program.BindInput(GraphInputs.Tokens, _tokens);
        _kinds =
        [
            Kind(config, false, GraphInputs.LocalMask, GraphInputs.LocalCosines, GraphInputs.LocalSines),
            Kind(config, true, GraphInputs.GlobalMask, GraphInputs.GlobalCosines, GraphInputs.GlobalSines),
        ];
        (_keys, _values) = (new HostTensor[config.LayerCount], new HostTensor[config.LayerCount]);
        for (var layer = 0; layer < config.LayerCount; layer++)
        {
            _keys[layer] = Bind(GraphInputs.PastKeys(layer), _size.CacheShape(config));
            _values[layer] = Bind(GraphInputs.PastValues(layer), _size.CacheShape(config));
        }

        _outputs = _program.AllocateOutputs();
    }

    public int Batch => _size.Batch;

    public int Capacity => _size.Past;

    public int LayerCount => _keys.Length;

    /// <summary>Scores [B, V] of the last run.</summary>
    public HostTensor Scores => _outputs[Logits];

    public HostTensor Keys(int layer) => _keys[layer];

    public HostTensor Values(int layer) => _values[layer];

    /// <summary>Names scores and every layer's new keys and values as outputs of a forward pass.</summary>
    public static void NameOutputs(Gemma3Graph forward, Node logits)
    {
        forward.Graph.Output(Logits, logits);
        for (var layer = 0; layer < forward.NewCache.Count; layer++)
        {
            forward.Graph.Output(GraphInputs.NewKeys(layer), forward.NewCache[layer].Keys);
            forward.Graph.Output(GraphInputs.NewValues(layer), forward.NewCache[layer].Values);
        }
    }

    /// <summary>Runs one token of each row and stores its key and value in the cache.</summary>
    /// <param name="tokens">The token of each used row.</param>
    /// <param name="positions">Its position, below the capacity; the cache holds all before it.</param>
    public void Run(ReadOnlySpan<int> tokens, ReadOnlySpan<int> positions)
    {
        for (var row = 0; row < Batch; row++)
        {
            _tokens.Ints[row] = row < tokens.Length ? tokens[row] : 0;
            Place(row, row < tokens.Length ? positions[row] : 0);
        }

        _program.Run();
        for (var layer = 0; layer < LayerCount; layer++)
        {
            for (var row = 0; row < tokens.Length; row++)
            {
                KeyValueCache.Store(_outputs[GraphInputs.NewKeys(layer)], _keys[layer], row, positions[row]);
                KeyValueCache.Store(_outputs[GraphInputs.NewValues(layer)], _values[layer], row, positions[row]);
            }
        }
    }

    /// <summary>Copies rows of another step's cache, in the given order.</summary>
    public void TakeRows(DecodeStep from, IReadOnlyList<int> rows)
    {
        for (var layer = 0; layer < LayerCount; layer++)
        {
            for (var row = 0; row < rows.Count; row++)
            {
                KeyValueCache.CopyRow(from.Keys(layer), rows[row], Keys(layer), row);
                KeyValueCache.CopyRow(from.Values(layer), rows[row], Values(layer), row);
            }
        }
    }

    /// <summary>Copies row rows[i] to row i; a row may be copied several times.</summary>
    public void ReorderRows(IReadOnlyList<int> rows)
    {
        for (var layer = 0; layer < LayerCount; layer++)
        {
            KeyValueCache.Reorder(Keys(layer), rows);
            KeyValueCache.Reorder(Values(layer), rows);
        }
    }

    public void Dispose() => _program.Dispose();

    private void Place(int row, int position)
    {
        foreach (var (isGlobal, mask, cosines, sines) in _kinds)
        {
            var half = cosines.Shape[2];
            _tables.FillRope(
                isGlobal, position, cosines.Floats.AsSpan(row * half, half), sines.Floats.AsSpan(row * half, half));
            var visible = mask.Floats.AsSpan(row * (Capacity + 1), Capacity + 1);
            for (var slot = 0; slot < Capacity; slot++)
            {
                visible[slot] = slot < position && _tables.Sees(isGlobal, position, slot) ? 0 : PositionTables.Hidden;
            }

            // The last column is the new token itself.
            visible[Capacity] = 0;
        }
    }

    private (bool IsGlobal, HostTensor Mask, HostTensor Cosines, HostTensor Sines) Kind(
        Gemma3Config config, bool isGlobal, string mask, string cosines, string sines) =>
        (isGlobal, Bind(mask, _size.MaskShape), Bind(cosines, _size.RopeShape(config)),
            Bind(sines, _size.RopeShape(config)));

    private HostTensor Bind(string name, Shape shape)
    {
        var tensor = HostTensor.Zeros(DType.Float32, shape);
        _program.BindInput(name, tensor);
        return tensor;
    }
}
